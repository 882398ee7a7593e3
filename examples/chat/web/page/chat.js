// The page of the chat: it gives what the server tells to the log and the lists, and what the person types to
// the server. Commands are the server's business.

import { Connection } from "./connection.js";
import { Composer } from "./composer.js";
import { Log, make, named } from "./log.js";
import { Side } from "./side.js";
import { watchLayout } from "./layout.js";

const $ = (id) => document.getElementById(id);

const log = new Log($("log"), $("newest"));
const side = new Side({
	person: (name) => {
		layout.hideSide();
		composer.begin(`/msg ${name} `);
	},
	room: (name) => {
		layout.hideSide();
		type(`/join ${name}`);
		composer.focus();
	},
});
const composer = new Composer(type);
const layout = watchLayout(composer);
const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, { message, state });

// What the person wants to be and where: asked for again after a connection was lost. A tab has its own;
// a new one begins with the last name that was taken in this browser.
const wanted = { nick: stored("nick"), room: decodeRoom() };
let room = "";
let me = "";
let goodbye = ""; // the last words of the server
let arriving = false; // the room that comes next is the one in which everybody begins
let held = null; // what came since then, on the way to wanted.room
let unseen = 0; // messages since the page was hidden

function stored(key) {
	try {
		return sessionStorage.getItem(key) ?? localStorage.getItem(key) ?? "";
	} catch {
		return ""; // the browser keeps nothing for this page
	}
}

function store(key, value) {
	try {
		sessionStorage.setItem(key, value);
		localStorage.setItem(key, value);
	} catch {
		// As above.
	}
}

// The room is in the address of the page, so that a link leads into it.
function decodeRoom() {
	try {
		return decodeURIComponent(location.hash.slice(1));
	} catch {
		return "";
	}
}

function type(line) {
	if (!connection.isOpen) return false;
	connection.send(line);
	return true;
}

function message(event) {
	if (event.kind === "counts") {
		side.showRooms(event); // of no room, so nothing has to wait for another
	} else if (arriving && event.kind === "entered") {
		arrive(event);
	} else if (!held || release(event)) {
		show(event);
	}
}

// arrive asks for the room and the name that the person had.
function arrive(event) {
	arriving = false;
	if (!wanted.room || wanted.room.toLowerCase() === event.room.toLowerCase()) {
		show(event);
	} else {
		held = [event];
		connection.send(`/join ${wanted.room}`);
	}
	if (wanted.nick && wanted.nick !== me) connection.send(`/nick ${wanted.nick}`);
	else if (!wanted.nick) log.note("note", "", "You are ", named(me), ". The button with that name gives you another.");
}

// release holds back what the first room shows until the wanted one is reached, or refused.
function release(event) {
	const before = held;
	switch (event.kind) {
		case "entered":
			held = null;
			before.filter((old) => old.kind === "private").forEach(show);
			return true;
		case "problem":
		case "goodbye":
			held = null;
			before.forEach(show);
			return true;
	}
	before.push(event);
	return false;
}

function show(event) {
	switch (event.kind) {
		case "welcome":
			welcome(event);
			break;
		case "refused":
			goodbye = event.text;
			break;
		case "entered":
			entered(event);
			break;
		case "said":
		case "acted":
			log.talk(event, room);
			if (!event.own) notify();
			break;
		case "topic":
			log.talk(event, room);
			topic(event.text);
			break;
		case "private":
			log.private(event);
			if (!event.own) notify();
			break;
		case "joined":
			side.came(event.from);
			log.note("note", event.time, named(event.from), " joined");
			break;
		case "left":
			side.went(event.from);
			log.note("note", event.time, named(event.from), " left", event.text ? `: ${event.text}` : "");
			break;
		case "renamed":
			renamed(event);
			break;
		case "who":
			if (event.room === room) side.enter(room, event.names ?? [], event.people ?? 0);
			log.note("answer", "", ...whoIs(event.room, event.names ?? [], event.people ?? 0));
			break;
		case "rooms":
			log.note("answer", "", ...roomList(event));
			break;
		case "shown":
			log.note("answer", "", event.text ? `The topic of ${event.room}: ${event.text}` : `${event.room} has no topic; /topic TEXT sets one.`);
			break;
		case "help":
			log.note("answer", "", "What you write is said to everybody in the room, except:", commands(event.help));
			break;
		case "problem":
			log.note("problem", "", event.text);
			if ($("name-dialog").open) $("name-problem").textContent = event.text;
			break;
		case "notice":
			log.note("note", event.time, event.text);
			// One about a room stands for many who came or went.
			if (event.room === room) connection.send("/who");
			break;
		case "goodbye":
			goodbye = event.text;
			log.note("note", event.time, event.text);
			break;
	}
}

function welcome(event) {
	goodbye = "";
	composer.maxLine = event.limits.maxLine;
	arriving = true;
	held = null;
	iAm(event.to);
}

function entered(event) {
	const back = room === event.room; // the connection was lost
	if (!back) log.toEnd();
	room = event.room;
	wanted.room = room;
	$("room").textContent = room;
	topic(event.text);
	title();
	history.replaceState(null, "", `#${encodeURIComponent(room)}`);
	side.enter(room, event.names ?? [], event.people ?? 0);
	log.quietly(() => {
		if (!back) log.heading(make("bdi", "", room));
		for (const old of event.history ?? []) log.talk(old, room);
	});
	const here = back ? "You are back" : "You are here";
	log.note("note", event.time, event.people === 1 ? `${here}; nobody else is.` : `${here}, with ${others(event)}.`);
}

function others(event) {
	const names = (event.names ?? []).filter((name) => name !== me);
	if (event.people - 1 > 10) return `${event.people - 1} others`;
	return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join("");
}

function renamed(event) {
	side.renamed(event.from, event.to);
	if (!event.own) {
		log.note("note", event.time, named(event.from), " is ", named(event.to), " now");
		return;
	}
	iAm(event.to);
	wanted.nick = event.to;
	store("nick", event.to);
	log.note("note", event.time, "You are ", named(event.to), " now");
	$("name-dialog").close();
}

function iAm(name) {
	me = name;
	side.me = name;
	side.show();
	$("me").textContent = name;
	$("rename").hidden = false;
}

function topic(words) {
	$("topic").textContent = words ?? "";
	$("topic").title = words ?? "";
}

function whoIs(where, names, people) {
	if (people === 0) return [`Nobody is in ${where}.`];
	const nodes = [`In ${where} (${people}): `];
	names.forEach((name, i) => nodes.push(i ? ", " : "", named(name)));
	if (people > names.length) nodes.push(` and ${people - names.length} more`);
	return nodes;
}

function roomList(event) {
	const list = make("ul", "");
	for (const room of event.rooms ?? []) list.append(make("li", "", `${room.name}, ${room.people} here${room.topic ? `: ${room.topic}` : ""}`));
	if (event.more) list.append(make("li", "", `and ${event.more} more`));
	return ["Rooms:", list];
}

function commands(help) {
	const list = make("dl", "commands");
	for (const command of help) list.append(make("dt", "", make("code", "", command.usage)), make("dd", "", command.does));
	return list;
}

// state shows how the connection is.
let countdown = 0;
function state(name, detail) {
	clearInterval(countdown);
	$("state").textContent = { connecting: "Connecting", open: "Connected", waiting: "Not connected", ended: "Not connected" }[name];
	$("state").dataset.state = name;
	if (name === "open") {
		banner("");
		composer.complain("");
	}
	if (name === "waiting" || name === "ended") {
		side.clear();
		held = null;
	}
	if (name === "waiting") {
		const words = {
			shutdown: goodbye || "The server has ended.",
			refused: goodbye,
			lost: "The connection is lost.",
			unreachable: "The server cannot be reached.",
		}[detail.why];
		banner(words, "Try now");
		const tell = () => {
			$("banner-wait").textContent = `Trying again in ${Math.max(0, Math.ceil((detail.until - Date.now()) / 1000))} s`;
		};
		tell();
		countdown = setInterval(tell, 500);
	} else if (name === "ended") {
		banner(goodbye || "You have left.", "Come back");
		$("retry").focus();
	} else {
		$("banner-wait").textContent = "";
	}
}

function banner(words, action) {
	$("banner").hidden = !words;
	// The same words again would be read out again.
	if ($("banner-text").textContent !== words) $("banner-text").textContent = words;
	if (action) $("retry").textContent = action;
	if (!words) $("banner-wait").textContent = "";
}

// notify counts in the title what comes while the page is hidden.
function notify() {
	if (!document.hidden) return;
	unseen++;
	title();
}

function title() {
	document.title = `${unseen ? `(${unseen}) ` : ""}${room || "Chat"}`;
}

document.addEventListener("visibilitychange", () => {
	if (document.hidden) return;
	unseen = 0;
	title();
});

addEventListener("hashchange", () => {
	const to = decodeRoom();
	if (to && to !== room) type(`/join ${to}`);
});

$("retry").addEventListener("click", () => {
	connection.open();
	composer.focus();
});

$("help").addEventListener("click", () => {
	type("/help");
	composer.focus();
});

$("join").addEventListener("submit", (event) => {
	event.preventDefault();
	if (!type(`/join ${$("join-room").value}`)) return;
	$("join-room").value = "";
	layout.hideSide();
	composer.focus();
});

$("rename").addEventListener("click", () => {
	$("name").value = me;
	$("name-problem").textContent = "";
	$("name-dialog").showModal();
	$("name").select();
});
$("name-cancel").addEventListener("click", () => $("name-dialog").close());
$("name-dialog").addEventListener("close", () => composer.focus());
$("name-form").addEventListener("submit", (event) => {
	event.preventDefault();
	$("name-problem").textContent = type(`/nick ${$("name").value}`) ? "" : "You are not connected.";
});

connection.open();
