// What the feed and the pocket have in common: questions to the sandbox, words for what becomes of messages, and how
// texts and mails are shown.

export const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
export const stamp = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

// What became of it, and what can be said of it.
export const STATES = { claimed: "Sent", sent: "Sent", unknown: "Sent, perhaps", delivered: "Delivered", opened: "Opened", clicked: "Clicked", answered: "Replied", bounced: "Bounced", failed: "Failed", spam: "Marked as spam" };
export const CALL_STATES = { claimed: "Ringing…", sent: "Ringing…", answered: "Answered", no_answer: "Not answered", busy: "Busy", machine: "A machine answered", failed: "Failed" };
export const BUTTONS = { delivered: "Deliver", opened: "Open", clicked: "Click", answered: "Reply…", bounced: "Bounce", failed: "Fail", spam: "Mark as spam" };
export const CALL_BUTTONS = { answered: "Answer", no_answer: "Don’t answer", busy: "Busy", machine: "Machine", failed: "Fail", pressed: "Press…" };
export const SAID = { pressed: "pressed", delivered: "delivered", opened: "opened", clicked: "clicked", answered: "replied", bounced: "bounced", failed: "failed", spam: "marked as spam" };
export const BAD = new Set(["bounced", "failed", "spam"]);
export const GONE_WRONG = new Set([...BAD, "no_answer", "busy", "machine"]);

export async function listMessages(limits) {
  const asked = new URLSearchParams(Object.entries(limits).filter(([, value]) => value || value === 0));
  const answer = await fetch(`/sandbox/messages?${asked}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.status);
  return (await answer.json()).messages;
}

export function post(message, report, body = {}) {
  return fetch(`/sandbox/messages/${message.id}/${report}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
}

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])/).map((part, place) =>
    place % 2 ? make("a", { href: part, target: "_blank", rel: "noopener noreferrer", textContent: part }) : part,
  );
}

// Nothing in a mail can run: its frame allows no scripts. Its links open beside the page.
export function mailPage(html) {
  const more = '<base target="_blank"><meta name="referrer" content="no-referrer">';
  return /<head[\s>]/i.test(html) ? html.replace(/<head[^>]*>/i, (head) => head + more) : more + html;
}

export function press(told) {
  const digits = prompt("Which keys does the customer press?", "1")?.trim();
  if (digits && /^[0-9*#]{1,20}$/.test(digits)) told(digits);
}
