// The pocket: what one customer has got, on the devices where it is read. Asks once a second for all that is shown.

import { BAD, BUTTONS, CALL_STATES, GONE_WRONG, STATES, clock, linked, listMessages, mailPage, make, post, stamp } from "./parts.js";

const POLL = 1000;
const MOST = 200;
const RINGS = new Set(["claimed", "sent"]);
const CALL_ACTS = { answered: "Answer", no_answer: "Let it ring", busy: "Busy", machine: "Let the machine take it", pressed: "Answer and press…" };
const EMPTY = { mails: "No mail", sms: "No messages, no calls", whatsapp: "No messages", push: "No notifications", web_push: "No notifications" };

const $ = (id) => document.getElementById(id);
let customer = new URLSearchParams(location.search).get("customer") ?? "";
let shown = []; // oldest first
let openId = null;
let turn = 0; // another customer makes answers about the one before worthless
const spoken = []; // what was written back here; a STOP is heard, and is no reply to a message
const drawn = {}; // what each list shows now: drawn again only when it changes, so that nothing moves under a finger

async function go(mine) {
  if (mine !== turn) return;
  if (!document.hidden) await look(mine);
  setTimeout(() => go(mine), POLL);
}

async function look(mine = turn) {
  const found = await listMessages({ customer, limit: MOST }).catch(() => null);
  if (mine !== turn) return;
  $("live").dataset.state = found ? "live" : "away";
  $("live").lastElementChild.textContent = found ? "Live" : "Reconnecting…";
  if (!found) return;
  showPeople(found);
  shown = customer ? found.reverse() : [];
  show();
}

function show() {
  $("pocket").hidden = !customer;
  $("empty").hidden = Boolean(customer);
  const by = (...channels) => shown.filter(({ channel }) => channels.includes(channel));
  list("mails", by("email").reverse(), mailLine);
  list("sms", by("sms", "voice"), (message) => (message.channel === "voice" ? callLine(message) : bubbles(message)), true);
  list("whatsapp", by("whatsapp"), bubbles, true);
  list("push", by("push").reverse(), note);
  list("web_push", by("web_push").reverse(), note);
  ring(by("voice").find(({ status }) => RINGS.has(status)));
  const unread = by("email").filter(isUnread).length;
  $("inbox-count").textContent = unread ? `${unread} unread` : "";
  $("number").textContent = by("sms", "voice").at(-1)?.recipient ?? "";
  for (const form of document.querySelectorAll(".write")) form.inert = !answerable(form.dataset.channel);
  const open = by("email").find(({ id }) => id === openId);
  if (open) acts(open);
  else $("open-mail").hidden = true;
}

function list(id, messages, line, isThread = false) {
  const state = JSON.stringify([openId, messages, spoken]);
  if (drawn[id] === state) return;
  drawn[id] = state;
  const lines = messages.flatMap(line);
  $(id).replaceChildren(...(lines.length ? lines : [make("li", { className: "nothing", textContent: EMPTY[id] })]));
  if (isThread) $(id).scrollTop = $(id).scrollHeight;
}

// --- inbox

const isUnread = ({ events }) => !events.some(({ report }) => ["opened", "clicked", "answered"].includes(report));

function mailLine(message) {
  const sender = nameOf(message.sender);
  const line = make("button", { type: "button", className: "mail-line" },
    make("b", { textContent: sender }), make("time", { textContent: clock.format(new Date(message.at)) }),
    make("span", { className: "mail-subject", textContent: message.subject ?? "", dir: "auto" }), state(message));
  line.classList.toggle("unread", isUnread(message));
  line.setAttribute("aria-pressed", message.id === openId);
  line.onclick = () => read(message);
  return make("li", {}, line);
}

function read(message) {
  openId = message.id;
  const card = $("open-mail");
  card.hidden = false;
  card.querySelector(".subject").textContent = message.subject ?? "";
  card.querySelector(".sender").textContent = nameOf(message.sender);
  card.querySelector(".to").textContent = `to ${message.recipient}, ${stamp.format(new Date(message.at))}`;
  card.querySelector(".face").textContent = nameOf(message.sender)[0].toUpperCase();
  const frame = card.querySelector("iframe");
  frame.hidden = !message.html;
  card.querySelector("pre").hidden = Boolean(message.html);
  card.querySelector("pre").textContent = message.text ?? "";
  frame.onload = () => watch(frame, message);
  frame.srcdoc = message.html ? mailPage(message.html) : "";
  acts(message);
  if (isUnread(message)) say(message, "opened");
  else show();
}

// A link that Sojourn tracks tells of itself when it is opened; of any other one the provider would.
function watch(frame, message) {
  const page = frame.contentDocument;
  frame.style.height = `${page.documentElement.scrollHeight}px`;
  page.addEventListener("click", ({ target }) => {
    const link = target.closest?.("a[href]");
    if (link && !new URL(link.href).pathname.startsWith("/l/")) say(message, "clicked");
  });
}

function acts(message) {
  const key = `${message.id} ${message.reports} ${message.status}`;
  const row = $("open-mail").querySelector(".acts");
  if (row.dataset.key === key) return;
  row.dataset.key = key;
  const wanted = message.reports.filter((report) => !["opened", "clicked"].includes(report));
  row.replaceChildren(...wanted.map((report) => act(message, report, BUTTONS[report])));
}

// --- phone and WhatsApp

function bubbles(message) {
  const { variables, content_sid } = message.details;
  const filled = Object.entries(variables ?? {}).map(([name, value]) => make("span", { className: "filled" }, make("i", { textContent: `{{${name}}}` }), ...linked(String(value))));
  const text = make("p", { className: "bubble-text", dir: "auto" }, ...(content_sid ? filled : linked(message.text ?? "")));
  const quiet = message.reports.filter((report) => !["answered", "clicked"].includes(report));
  const foot = make("div", { className: "foot" }, make("time", { textContent: stamp.format(new Date(message.at)) }), state(message), ...quiet.map((report) => act(message, report, report === "opened" ? "Read" : BUTTONS[report])));
  const told = message.events.filter(({ report, text }) => report === "answered" && text).map(({ text }) => text);
  const words = [...told, ...spoken.filter(({ id, text }) => id === message.id && !told.includes(text)).map(({ text }) => text)];
  const replies = words.map((text) => make("li", { className: "mine" }, make("p", { className: "bubble-text", dir: "auto", textContent: text })));
  return [make("li", {}, text, foot), ...replies];
}

function callLine(message) {
  const said = message.status === "answered" || (message.status === "machine" && message.details.machine === "leave_message");
  const line = make("li", { className: GONE_WRONG.has(message.status) ? "call-line missed" : "call-line" }, make("b", { textContent: `Call: ${CALL_STATES[message.status] ?? "not known here"}` }), make("time", { textContent: stamp.format(new Date(message.at)) }));
  if (said) line.append(make("q", { textContent: message.text ?? "", dir: "auto", lang: message.details.language ?? "" }));
  return [line];
}

function ring(call) {
  const screen = $("ringing");
  if (screen.dataset.id === String(call?.id ?? "")) return;
  screen.dataset.id = call?.id ?? "";
  screen.hidden = !call;
  if (!call) return;
  const buttons = call.reports.map((report) => act(call, report, CALL_ACTS[report] ?? BUTTONS[report]));
  screen.replaceChildren(make("b", { textContent: call.sender ?? "Sojourn" }), make("span", { textContent: "is calling…" }), make("div", { className: "acts" }, ...buttons));
}

// What is said is shown, as the customer hears it before pressing anything; # ends what is pressed.
function keypad(call) {
  const typed = make("output", { ariaLabel: "Pressed" });
  const done = make("button", { type: "button", className: "doing", textContent: "Press", disabled: true });
  done.onclick = async () => {
    done.disabled = true;
    await say(call, "pressed", { text: typed.textContent });
    done.disabled = false;
  };
  const keys = [..."123456789*0#"].map((key) => {
    const button = make("button", { type: "button", textContent: key });
    button.onclick = () => {
      if (key === "#") return done.click();
      typed.textContent = (typed.textContent + key).slice(0, 20);
      done.disabled = false;
    };
    return button;
  });
  const pad = make("div", { className: "keys" }, ...keys);
  pad.onkeydown = ({ key }) => keys.find((button) => button.textContent === key)?.click();
  $("ringing").replaceChildren(make("q", { textContent: call.text ?? "", dir: "auto", lang: call.details.language ?? "" }), typed, pad, make("div", { className: "acts" }, done));
  keys[0].focus();
}

const answerable = (channel) => shown.filter((message) => message.channel === channel && message.reports.includes("answered")).at(-1);

for (const form of document.querySelectorAll(".write")) {
  const input = form.querySelector("input");
  form.onsubmit = (event) => {
    event.preventDefault();
    const message = answerable(form.dataset.channel);
    const text = input.value.trim();
    if (!message || !text) return;
    input.value = "";
    spoken.push({ id: message.id, text });
    say(message, "answered", { text });
  };
  for (const word of form.querySelectorAll(".words button")) {
    word.onclick = () => {
      input.value = word.textContent;
      form.requestSubmit();
    };
  }
}

// --- app and browser

function note(message) {
  const sender = nameOf(message.sender);
  const top = make("span", { className: "note-top" }, make("b", { textContent: sender }), make("time", { textContent: clock.format(new Date(message.at)) }));
  const words = make("div", {}, top, make("b", { textContent: message.subject ?? message.details.title ?? "", dir: "auto" }), make("span", { textContent: message.text ?? "", dir: "auto" }));
  if (message.details.url) words.append(make("span", { className: "note-url", textContent: message.details.url }));
  const card = make("div", { className: "note" }, make("span", { className: "face", textContent: sender[0].toUpperCase() }), words);
  const tappable = message.reports.includes("opened");
  const others = message.reports.filter((report) => !["opened", "clicked"].includes(report));
  const row = make("div", { className: "acts" }, state(message), ...(tappable ? [tap(card, message)] : []), ...others.map((report) => act(message, report, BUTTONS[report])));
  return make("li", {}, card, row);
}

// What a service worker does: it tells that the message was opened, and opens its page. A tracked link tells of itself.
function tap(card, message) {
  const button = make("button", { type: "button", className: "doing", textContent: "Tap" });
  button.onclick = () => {
    say(message, "opened");
    if (/^https?:/.test(message.details.url ?? "")) open(message.details.url, "_blank", "noopener");
  };
  card.classList.add("tappable");
  card.onclick = () => button.click();
  return button;
}

// --- all of them

function state(message) {
  const words = make("span", { className: "state", textContent: STATES[message.status] ?? "Not known here" });
  words.dataset.kind = GONE_WRONG.has(message.status) || message.status === "spam" ? "bad" : ["opened", "clicked", "answered"].includes(message.status) ? "good" : "plain";
  return words;
}

function act(message, report, words) {
  const button = make("button", { type: "button", className: BAD.has(report) ? "doing bad" : "doing", textContent: words });
  button.onclick = () => {
    if (report === "pressed") return keypad(message);
    const text = report === "answered" && message.channel === "email" ? prompt("What the customer writes back") : undefined;
    if (text === null) return;
    button.disabled = true;
    say(message, report, text ? { text } : {});
  };
  return button;
}

async function say(message, report, body) {
  await post(message, report, body).catch(() => null);
  await look();
}

function nameOf(sender) {
  return /^\s*"?(.*?)"?\s*<.+>\s*$/.exec(sender ?? "")?.[1] || sender || "Sojourn";
}

// --- whose

const people = new Map();

function showPeople(found) {
  for (const { customer_id: id, recipient, channel } of found) {
    if (!id || /push$/.test(channel)) continue;
    const known = people.get(id);
    if (!known || (channel === "email" && !known.includes("@"))) people.set(id, recipient);
  }
  const chips = [...people].slice(-12).map(([id, name]) => {
    const chip = make("button", { type: "button", textContent: name });
    chip.setAttribute("aria-pressed", String(id) === customer || name === customer);
    chip.onclick = () => wish(String(id), name);
    return chip;
  });
  const state = chips.map((chip) => chip.outerHTML).join();
  if (drawn.people === state) return;
  drawn.people = state;
  $("people").replaceChildren(...chips);
}

function wish(whose, name = whose) {
  customer = whose;
  openId = null;
  $("customer").value = name;
  $("feed-link").search = customer ? `?customer=${encodeURIComponent(customer)}` : "";
  history.replaceState(null, "", `${location.pathname}${customer ? `?customer=${encodeURIComponent(customer)}` : ""}`);
  go(++turn);
}

let typing;
$("customer").oninput = ({ target }) => {
  clearTimeout(typing);
  typing = setTimeout(() => wish(target.value.trim()), 300);
};
if (customer) listMessages({ limit: MOST }).then(showPeople).catch(() => null);
wish(customer);
