// Side is the list of who is in the room, and that of the rooms.

import { make, named } from "./log.js";

export class Side {
	// actions: person(name) and room(name), for a name that was chosen.
	constructor(actions) {
		this.actions = actions;
		this.me = "";
		this.names = []; // in no order; the server shows at most 100 of a crowd
		this.people = 0;
		this.room = "";
		this.list = document.getElementById("people");
		this.rooms = document.getElementById("rooms");
	}

	// enter takes over who is in a room.
	enter(room, names, people) {
		this.room = room;
		this.names = [...names];
		this.people = people;
		this.show();
		this.markRoom();
	}

	came(name) {
		this.names.push(name);
		this.people++;
		this.show();
	}

	went(name) {
		this.remove(name);
		this.people--;
		this.show();
	}

	renamed(from, to) {
		if (this.remove(from)) this.names.push(to);
		this.show();
	}

	remove(name) {
		const i = this.names.indexOf(name);
		if (i >= 0) this.names.splice(i, 1);
		return i >= 0;
	}

	clear() {
		this.names = [];
		this.people = 0;
		this.show();
	}

	show() {
		this.names.sort((a, b) => a.localeCompare(b));
		const items = this.names.map((name) => {
			if (name === this.me) return make("li", "me", named(name), make("span", "muted", " you"));
			const button = make("button", "", named(name));
			button.type = "button";
			button.title = `Write to ${name} privately`;
			button.addEventListener("click", () => this.actions.person(name));
			return make("li", "", button);
		});
		if (this.people > this.names.length) items.push(make("li", "muted", `and ${this.people - this.names.length} more`));
		this.list.replaceChildren(...items);
		document.getElementById("people-count").textContent = String(this.people);
		document.getElementById("show-side-count").textContent = String(this.people);
	}

	// showRooms takes the rooms as they are now. The button of a room stays the same one while its numbers
	// change: it may be about to be clicked, or have the focus.
	showRooms(event) {
		const had = new Map([...this.rooms.querySelectorAll("button")].map((button) => [button.dataset.room, button.parentElement]));
		const items = (event.rooms ?? []).map((room) => {
			const item = had.get(room.name) ?? this.roomItem(room.name);
			const button = item.querySelector("button");
			button.querySelector(".count").textContent = String(room.people);
			button.title = room.topic ?? "";
			button.setAttribute("aria-label", `${room.name}, ${room.people} here`);
			return item;
		});
		if (event.more) items.push(make("li", "muted", `and ${event.more} more`));
		const now = [...this.rooms.children];
		if (items.length !== now.length || items.some((item, i) => item !== now[i])) {
			const focused = document.activeElement;
			this.rooms.replaceChildren(...items);
			if (this.rooms.contains(focused)) focused.focus(); // moving it took that away
		}
		this.markRoom();
	}

	roomItem(name) {
		const button = make("button", "", make("bdi", "", name), " ", make("span", "count", ""));
		button.type = "button";
		button.dataset.room = name;
		button.addEventListener("click", () => this.actions.room(name));
		return make("li", "", button);
	}

	markRoom() {
		for (const button of this.rooms.querySelectorAll("button")) {
			if (button.dataset.room === this.room) button.setAttribute("aria-current", "true");
			else button.removeAttribute("aria-current");
		}
	}
}
