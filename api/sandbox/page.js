// The sandbox page: asks once a second for what is newer than the newest it shows, and puts that on top; and now and
// then for what has become of the messages that it shows.

import { BAD, BUTTONS, CALL_BUTTONS, CALL_STATES, GONE_WRONG, SAID, STATES, clock, linked, make, mailPage, listMessages, post, press, stamp } from "./parts.js";

const POLL = 1000;
const PAGE = 30;
const KEEP = 300;
const REFRESH = 3; // polls

const $ = (id) => document.getElementById(id);
const feed = $("feed");
const filter = { customer: "", channel: "" };
let newest = 0;
let oldest = null;
let unseen = 0;
let polls = 0;
let turn = 0; // a new filter makes answers to older questions worthless

const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

const ask = (limits) => listMessages({ limit: PAGE, ...filter, ...limits });

async function start() {
  const mine = ++turn;
  const messages = await ask({}).catch(away);
  if (mine !== turn || !messages) return messages ? undefined : setTimeout(() => mine === turn && start(), POLL);
  feed.replaceChildren(...messages.map(render));
  newest = messages[0]?.id ?? 0;
  oldest = messages.at(-1)?.id ?? null;
  $("older").hidden = messages.length < PAGE;
  feed.setAttribute("aria-busy", "false");
  settle();
  poll(mine);
}

async function poll(mine) {
  await new Promise((done) => setTimeout(done, POLL));
  if (mine !== turn) return;
  if (!document.hidden) {
    const messages = await ask({ after: newest, limit: 200 }).catch(away);
    if (mine !== turn) return;
    if (messages) {
      live(true);
      if (messages.length) arrive(messages);
    }
    if (++polls % REFRESH === 0) await refresh(mine);
  }
  poll(mine);
}

async function refresh(mine) {
  const messages = await ask({ before: newest + 1 }).catch(away);
  if (mine === turn && messages) messages.forEach(update);
}

function update(message) {
  const card = feed.querySelector(`.item[data-id="${message.id}"]`);
  if (card && card.dataset.state !== stateOf(message)) tell(card, message);
}

function arrive(messages) {
  const wasEmpty = !feed.children.length;
  const cards = messages.map(render);
  if (!wasEmpty || messages.length === 1) for (const card of cards) card.classList.add("fresh");
  const height = document.documentElement.scrollHeight;
  feed.prepend(...cards);
  newest = messages[0].id;
  oldest ??= messages.at(-1).id;
  const items = feed.querySelectorAll(".item");
  for (const item of [...items].slice(KEEP)) item.remove();
  if (items.length > KEEP) {
    oldest = Number([...feed.querySelectorAll(".item")].at(-1).dataset.id);
    $("older").hidden = false;
  }
  settle();
  if (window.scrollY > 160) {
    if (!CSS.supports("overflow-anchor: auto")) window.scrollBy(0, document.documentElement.scrollHeight - height);
    unseen += messages.length;
    $("news").textContent = unseen === 1 ? "1 new message ↑" : `${unseen} new messages ↑`;
    $("news").hidden = false;
  }
}

async function showOlder() {
  const messages = await ask({ before: oldest }).catch(away);
  if (!messages) return;
  feed.append(...messages.map(render));
  oldest = messages.at(-1)?.id ?? oldest;
  $("older").hidden = messages.length < PAGE;
  settle();
}

// Day headings and the empty state follow from what is there.
function settle() {
  for (const heading of feed.querySelectorAll(".day")) heading.remove();
  let day = "";
  for (const item of feed.querySelectorAll(".item")) {
    const its = calendar.format(new Date(item.dataset.at));
    if (its !== day) item.before(make("h2", { className: "day", textContent: its }));
    day = its;
  }
  const isFiltered = Boolean(filter.customer || filter.channel);
  $("empty").hidden = feed.children.length > 0;
  $("empty").querySelector("h2").textContent = isFiltered ? "No message fits" : "No messages yet";
  $("empty").querySelector("p").textContent = isFiltered
    ? "None has gone to this customer on this channel. New ones appear by themselves."
    : "The moment a journey sends a message or calls, it appears here as the customer would see it.";
  $("all").hidden = !isFiltered;
}

function live(is) {
  $("live").dataset.state = is ? "live" : "away";
  $("live").lastElementChild.textContent = is ? "Live" : "Reconnecting…";
}

function away() {
  live(false);
  return null;
}

const CARDS = {
  email: ["email", fillMail],
  sms: ["sms", fillPhone],
  whatsapp: ["sms", fillWhatsapp],
  voice: ["voice", fillCall],
  push: ["push", fillPush],
  web_push: ["push", fillPush],
};

function render(message) {
  const [template, fill] = CARDS[message.channel];
  const card = $(template).content.firstElementChild.cloneNode(true);
  card.dataset.id = message.id;
  card.dataset.at = message.at;
  card.dataset.channel = message.channel;
  describe(card.querySelector(".about"), message);
  fill(card, message);
  tell(card, message);
  return card;
}

function describe(about, message) {
  const isDevice = /push$/.test(message.channel);
  const whom = make("button", { type: "button", className: "whom", title: "Only this customer", textContent: isDevice ? "Device" : message.recipient });
  whom.onclick = () => wish(isDevice && message.customer_id ? String(message.customer_id) : message.recipient);
  about.append(make("time", { dateTime: message.at, textContent: clock.format(new Date(message.at)) }), whom);
  if (message.customer_id) about.append(make("span", { textContent: `Customer ${message.customer_id}` }));
  if (message.journey) about.append(make("span", { className: "journey", textContent: message.journey, title: `step ${message.step}` }));
  if (message.message) about.append(make("span", { textContent: message.message }));
}

function fillPhone(card, message) {
  const sender = message.sender || "Sojourn";
  card.querySelector(".sender").textContent = sender;
  card.querySelector(".face").textContent = /^[+\d]/.test(sender) ? "#" : sender[0].toUpperCase();
  card.querySelector(".stamp").textContent = stamp.format(new Date(message.at));
  card.querySelector(".bubble-text").append(...linked(message.text ?? ""));
  const parts = message.segments ?? 1;
  card.querySelector(".phone-foot").textContent = `${[...(message.text ?? "")].length} characters, ${parts === 1 ? "1 part" : `${parts} parts`}`;
}

function fillWhatsapp(card, message) {
  fillPhone(card, message);
  const { content_sid, variables } = message.details;
  const names = Object.keys(variables ?? {});
  const lines = names.map((name) => make("span", { className: "filled" }, make("i", { textContent: `{{${name}}}` }), ...linked(variables[name])));
  card.querySelector(".bubble-text").replaceChildren(...(names.length ? lines : [message.text ?? ""]));
  card.querySelector(".phone-foot").textContent = content_sid ? `Approved template ${content_sid.slice(0, 8)}…, filled with this` : "";
}

function fillCall(card, message) {
  const { language, machine, timeout } = message.details;
  card.querySelector(".sender").textContent = message.sender || "Sojourn";
  card.querySelector(".say").textContent = message.text ?? "";
  if (language) card.querySelector(".say").lang = language;
  const rings = timeout ? `Rings for ${timeout} seconds. ` : "";
  card.querySelector(".call-foot").textContent = `${rings}A machine ${machine === "leave_message" ? "gets the message" : "is hung up on"}.`;
}

function fillPush(card, message) {
  const isWeb = message.channel === "web_push";
  const sender = message.sender || "Sojourn";
  card.querySelector(".lock").classList.toggle("browser", isWeb);
  card.querySelector(".lock-time").textContent = isWeb ? "" : clock.format(new Date(message.at));
  card.querySelector(".face").textContent = sender[0].toUpperCase();
  card.querySelector(".sender").textContent = sender;
  card.querySelector(".where").textContent = isWeb ? "in the browser" : "now";
  card.querySelector(".title").textContent = message.subject ?? message.details.title ?? "";
  card.querySelector(".note-text").textContent = message.text ?? "";
  if (message.details.url) card.querySelector(".note-url").append(...linked(message.details.url));
}

const stateOf = ({ status, events }) => `${status} ${events.length}`;

function tell(card, message) {
  const isCall = message.channel === "voice";
  const replying = card.querySelector(".reply input")?.value;
  card.dataset.state = stateOf(message);
  const name = (isCall ? CALL_STATES : STATES)[message.status];
  const state = make("span", { className: "state", textContent: name ?? "Not known here" });
  state.dataset.kind = GONE_WRONG.has(message.status) ? "bad" : ["opened", "clicked", "answered"].includes(message.status) ? "good" : "plain";
  const buttons = message.reports.map((report) => button(card, message, report, isCall));
  const parts = [make("div", { className: "row", role: "group", ariaLabel: "What becomes of it" }, state, ...buttons)];
  if (message.events.length && !isCall) parts.push(story(message.events));
  card.querySelector(".doings").replaceChildren(...parts);
  if (replying !== undefined) reply(card, message, replying);
  if (isCall) card.querySelector(".call-state").textContent = name ?? "";
  if (isCall) card.querySelector(".call").classList.toggle("rings", message.status === "sent" || message.status === "claimed");
}

function button(card, message, report, isCall) {
  const words = { ...BUTTONS, ...(isCall && CALL_BUTTONS), ...(message.channel === "whatsapp" && { opened: "Read" }), ...(/push$/.test(message.channel) && { opened: "Tap" }) };
  const it = make("button", { type: "button", className: BAD.has(report) ? "doing bad" : "doing", textContent: words[report] });
  it.onclick = () => report === "pressed" ? press((text) => say(card, message, report, { text })) : (report === "answered" && !isCall ? reply(card, message, "") : say(card, message, report));
  return it;
}

function story(events) {
  const shown = events.slice(-6).map(({ report, at, text }) => make("span", {}, `${SAID[report] ?? report} ${clock.format(new Date(at))}`, ...(text ? [make("q", { textContent: text, dir: "auto" })] : [])));
  return make("div", { className: "history" }, ...shown);
}

function reply(card, message, text) {
  card.querySelector(".reply")?.remove();
  const input = make("input", { type: "text", value: text, maxLength: 1600, placeholder: "What the customer writes back" });
  input.setAttribute("aria-label", "Reply");
  const send = make("button", { type: "button", className: "doing", textContent: "Send" });
  const done = () => {
    const words = input.value.trim();
    card.querySelector(".reply").remove();
    say(card, message, "answered", words ? { text: words } : {});
  };
  send.onclick = done;
  input.onkeydown = ({ key }) => (key === "Enter" ? done() : key === "Escape" && card.querySelector(".reply").remove());
  card.querySelector(".doings").append(make("div", { className: "reply" }, input, send));
  input.focus();
}

async function say(card, message, report, body = {}) {
  const buttons = card.querySelectorAll(".doing");
  for (const it of buttons) it.disabled = true;
  const answer = await post(message, report, body).catch(away);
  if (answer?.ok) return tell(card, await answer.json());
  for (const it of buttons) it.disabled = false;
  if (answer?.status === 409) refresh(turn);
}

function fillMail(card, message) {
  const [, name, address] = /^\s*"?(.*?)"?\s*<(.+)>\s*$/.exec(message.sender ?? "") ?? [null, "", message.sender ?? ""];
  card.querySelector(".subject").textContent = message.subject ?? "";
  card.querySelector(".sender").textContent = name || address;
  card.querySelector(".address").textContent = name ? `<${address}>` : "";
  card.querySelector(".to").textContent = `to ${message.recipient}`;
  card.querySelector(".face").textContent = (name || address || "?")[0].toUpperCase();
  card.querySelector("pre").textContent = message.text ?? "";
  card.mail = message.html;
  const views = card.querySelectorAll(".views button");
  if (!message.html) card.querySelector(".views").hidden = true;
  for (const button of views) button.onclick = () => view(card, button.dataset.view);
  card.querySelector(".more").onclick = () => {
    card.querySelector(".sheet").classList.add("whole");
    card.querySelector(".more").hidden = true;
  };
  if (message.html) nearby.observe(card);
  else view(card, "text");
}

function view(card, which) {
  for (const button of card.querySelectorAll(".views button")) button.setAttribute("aria-pressed", button.dataset.view === which);
  card.querySelector("iframe").hidden = which !== "html";
  card.querySelector("pre").hidden = which !== "text";
  fold(card);
}

function fold(card) {
  const sheet = card.querySelector(".sheet");
  card.querySelector(".more").hidden = sheet.classList.contains("whole") || sheet.scrollHeight <= sheet.clientHeight + 4;
}

// A mail is laid out only when it comes near the screen. Nothing in it can run: the frame allows no scripts.
const nearby = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    nearby.unobserve(target);
    const frame = target.querySelector("iframe");
    frame.onload = () => fit(target, frame);
    frame.srcdoc = mailPage(target.mail);
  }
}, { rootMargin: "600px" });

function fit(card, frame) {
  let width = 0;
  const size = () => {
    if (!frame.isConnected || !frame.clientWidth) return;
    width = frame.clientWidth;
    frame.style.height = "0";
    frame.style.height = `${frame.contentDocument.documentElement.scrollHeight}px`;
    fold(card);
  };
  size();
  for (const image of frame.contentDocument.images) image.addEventListener("load", size);
  new ResizeObserver(() => frame.clientWidth !== width && size()).observe(frame);
}

function wish(customer) {
  filter.customer = customer;
  $("customer").value = customer;
  remember();
}

function remember() {
  const asked = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
  history.replaceState(null, "", `${location.pathname}${asked.size ? `?${asked}` : ""}`);
  mark();
  window.scrollTo(0, 0);
  start();
}

function mark() {
  for (const button of document.querySelectorAll(".channels button")) button.setAttribute("aria-pressed", button.dataset.channel === filter.channel);
  $("pocket-link").search = filter.customer ? `?customer=${encodeURIComponent(filter.customer)}` : "";
}

let typing;
$("customer").oninput = (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => wish(event.target.value.trim()), 250);
};
for (const button of document.querySelectorAll(".channels button")) {
  button.onclick = () => {
    filter.channel = button.dataset.channel;
    remember();
  };
}
$("older").onclick = showOlder;
$("all").onclick = () => {
  filter.channel = "";
  wish("");
};
$("news").onclick = () => window.scrollTo({ top: 0, behavior: "smooth" });
addEventListener("scroll", () => {
  if (window.scrollY < 80) {
    unseen = 0;
    $("news").hidden = true;
  }
}, { passive: true });

const given = new URLSearchParams(location.search);
filter.customer = given.get("customer") ?? "";
filter.channel = given.get("channel") ?? "";
$("customer").value = filter.customer;
mark();
start();
