// The sandbox page: asks once a second for what is newer than the newest it shows, and puts that on top.

const POLL = 1000;
const PAGE = 30;
const KEEP = 300;

const $ = (id) => document.getElementById(id);
const feed = $("feed");
const filter = { customer: "", channel: "" };
let newest = 0;
let oldest = null;
let unseen = 0;
let turn = 0; // a new filter makes answers to older questions worthless

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const stamp = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

async function ask(limits) {
  const asked = new URLSearchParams({ limit: PAGE, ...limits });
  for (const [name, value] of Object.entries(filter)) if (value) asked.set(name, value);
  const answer = await fetch(`/sandbox/messages?${asked}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.status);
  return (await answer.json()).messages;
}

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
  }
  poll(mine);
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
    : "The moment a journey sends an e-mail or an SMS, it appears here as the customer would see it.";
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

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function render(message) {
  const card = $(message.channel === "email" ? "email" : "sms").content.firstElementChild.cloneNode(true);
  card.dataset.id = message.id;
  card.dataset.at = message.at;
  describe(card.querySelector(".about"), message);
  (message.channel === "email" ? fillMail : fillPhone)(card, message);
  return card;
}

function describe(about, message) {
  const whom = make("button", { type: "button", className: "whom", title: "Only this customer", textContent: message.recipient });
  whom.onclick = () => wish(message.recipient);
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

function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])/).map((part, place) =>
    place % 2 ? make("a", { href: part, target: "_blank", rel: "noopener noreferrer", textContent: part }) : part,
  );
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
    frame.srcdoc = withHead(target.mail, '<base target="_blank"><meta name="referrer" content="no-referrer">');
  }
}, { rootMargin: "600px" });

function withHead(html, more) {
  return /<head[\s>]/i.test(html) ? html.replace(/<head[^>]*>/i, (head) => head + more) : more + html;
}

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
  for (const button of document.querySelectorAll(".channels button")) button.setAttribute("aria-pressed", button.dataset.channel === filter.channel);
  window.scrollTo(0, 0);
  start();
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
for (const button of document.querySelectorAll(".channels button")) button.setAttribute("aria-pressed", button.dataset.channel === filter.channel);
start();
