"""The world of our own tests is the one that the product ships: see `harness`."""

from harness.temporal import DemoTemporal, Temporal, VirtualTemporal, demo_temporal, virtual_temporal
from harness.world import World, world_in

__all__ = ["DemoTemporal", "Temporal", "VirtualTemporal", "World", "demo_temporal", "virtual_temporal", "world_in"]
