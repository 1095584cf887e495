"""A journey as a picture, in SVG: pure functions from a journey and its messages to text.

The layout follows the blocks of the language: a sequence is a column, a step with ways is a fork whose columns stand
side by side and join below, `repeat` is a frame. Lines therefore never cross cards, however long a journey is, and a
step type that is new appears without a change here. Layered graph layouts know neither the sizes of cards nor frames.
"""
