// Log shows what is said. Whatever people wrote enters the page as text nodes only, never as HTML.

const most = 2000; // entries; older ones go
const near = 40; // pixels from the end that still count as the end
const together = 5 * 60_000; // between two messages of one person, milliseconds

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

// make is an element with children: nodes, or strings that become text.
export function make(tag, className, ...children) {
	const element = document.createElement(tag);
	if (className) element.className = className;
	element.append(...children);
	return element;
}

// named is a person's name in that person's colour, kept apart from the text around it whatever its
// direction of writing.
export function named(name) {
	const element = make("bdi", "name", name);
	let hash = 0;
	for (const c of name) hash = (hash * 31 + c.codePointAt(0)) % 1_000_000_007;
	// The golden ratio spreads neighbours, such as guest1 and guest2, over the circle.
	element.style.setProperty("--hue", String(Math.round(((hash * 0.618034) % 1) * 360)));
	return element;
}

// text is what somebody wrote, with web addresses as links.
function text(words) {
	const element = make("span", "text");
	element.dir = "auto";
	let end = 0;
	for (const match of words.matchAll(/\bhttps?:\/\/[^\s<>"]*[^\s<>".,;:!?'()[\]{}]/g)) {
		const link = make("a", "", match[0]);
		link.href = match[0];
		link.rel = "noopener noreferrer nofollow";
		link.target = "_blank";
		element.append(words.slice(end, match.index), link);
		end = match.index + match[0].length;
	}
	element.append(words.slice(end));
	return element;
}

function stamp(time) {
	const element = make("time", "", clock.format(time));
	element.dateTime = time.toISOString();
	element.title = full.format(time);
	return element;
}

export class Log {
	constructor(element, newest) {
		this.element = element;
		this.newest = newest;
		this.seen = new Map(); // what a room may tell again when we come back, by key, to its entry
		this.last = null; // the entry before, for grouping: {from, kind, time}
		this.lastDay = new Date().toDateString();
		this.pinned = true; // at the end
		this.unread = 0;
		element.addEventListener("scroll", () => this.scrolled());
		new ResizeObserver(() => this.pinned && this.toEnd()).observe(element);
		newest.addEventListener("click", () => {
			this.toEnd();
			element.focus();
		});
	}

	scrolled() {
		const { scrollHeight, scrollTop, clientHeight } = this.element;
		this.pinned = scrollHeight - scrollTop - clientHeight < near;
		if (this.pinned) this.clearUnread();
	}

	clearUnread() {
		this.unread = 0;
		this.newest.hidden = true;
	}

	toEnd() {
		this.element.scrollTop = this.element.scrollHeight;
		this.pinned = true;
		this.clearUnread();
	}

	// quietly runs a function that adds much at once, which no screen reader should read out.
	quietly(add) {
		this.element.setAttribute("aria-live", "off");
		add();
		setTimeout(() => this.element.removeAttribute("aria-live"), 100);
	}

	// put adds an entry. A reader who has scrolled back stays where he is.
	put(entry, counts) {
		const stay = !this.pinned;
		this.element.append(entry);
		if (stay) {
			if (counts) {
				this.unread++;
				this.newest.textContent = this.unread === 1 ? "1 new message ↓" : `${this.unread} new messages ↓`;
				this.newest.hidden = false;
			}
			return;
		}
		// Only here: taking away what is above would move what somebody reads.
		while (this.element.childElementCount > most) {
			const first = this.element.firstElementChild;
			this.seen.delete(first.dataset.key);
			first.remove();
		}
		this.toEnd();
	}

	dayOf(time) {
		if (time.toDateString() === this.lastDay) return;
		this.lastDay = time.toDateString();
		this.last = null;
		this.put(make("div", "entry day", day.format(time)));
	}

	// talk adds what a room keeps: said, acted and topic. What is there already is not added again.
	talk(event, room) {
		const key = JSON.stringify([room, event.time, event.from, event.text]);
		if (this.seen.has(key)) return false;
		const time = new Date(event.time);
		this.dayOf(time);
		let entry;
		switch (event.kind) {
			case "said":
				entry = this.bubble(event, time, "said", named(event.from));
				break;
			case "acted":
				entry = make("div", "entry acted", stamp(time), " ", named(event.from), " ", text(event.text));
				break;
			default: {
				const words = event.text ? [" set the topic: ", text(event.text)] : [" took the topic away"];
				entry = make("div", "entry note", stamp(time), " ", named(event.from), ...words);
			}
		}
		if (event.kind !== "said") this.last = null;
		if (event.own) entry.classList.add("own");
		entry.dataset.key = key;
		this.seen.set(key, entry);
		if (event.own) this.pinned = true;
		this.put(entry, !event.own);
		return true;
	}

	private(event) {
		const time = new Date(event.time);
		this.dayOf(time);
		const who = event.own ? ["To ", named(event.to), ", privately"] : [named(event.from), ", privately to you"];
		const entry = this.bubble(event, time, "private", ...who);
		if (event.own) {
			entry.classList.add("own");
			this.pinned = true;
		}
		this.put(entry, !event.own);
	}

	bubble(event, time, kind, ...who) {
		const from = `${kind} ${event.from} ${event.to ?? ""} ${event.own}`;
		const grouped = this.last && this.last.from === from && time - this.last.time < together;
		this.last = { from, time };
		const entry = make(
			"div",
			`entry ${kind}`,
			make("p", grouped || (event.own && kind === "said") ? "who unseen" : "who", ...who),
			make("div", "bubble", text(event.text), " ", stamp(time)),
		);
		if (grouped) entry.classList.add("grouped");
		return entry;
	}

	// note adds a line of the server's: children as for make.
	note(kind, time, ...children) {
		this.last = null;
		if (time) {
			time = new Date(time);
			this.dayOf(time);
			children.unshift(stamp(time), " ");
		}
		this.put(make("div", `entry ${kind}`, ...children), kind === "problem");
	}

	// heading begins a room.
	heading(...children) {
		this.last = null;
		this.put(make("h2", "entry heading", ...children));
	}
}
