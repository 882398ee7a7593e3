// Connection keeps a WebSocket to the server open. When it is lost, it tries again by itself, after a
// time that grows from half a second to half a minute.

const shortest = 500;
const longest = 30_000;
const afterRefusal = 5_000; // a server that is full does not want to be asked twice a second

// What a close code of the server's says (RFC 6455): it wants no more of us, it ends, it has no place.
const normal = 1000;
const goingAway = 1001;
const tryAgainLater = 1013;

export class Connection {
	// handlers: message(event) for each event; state(name, detail), where name is "connecting", "open",
	// "waiting" with detail {why, until}, or "ended" when it will not try again unless asked to.
	constructor(url, handlers) {
		this.url = url;
		this.handlers = handlers;
		this.failures = 0;
		this.heartbeat = 0;
		addEventListener("online", () => this.hurry());
		document.addEventListener("visibilitychange", () => {
			if (!document.hidden) this.hurry();
		});
		// A timer may sleep with the machine or the tab: it compares times, and counts nothing.
		setInterval(() => this.checkAlive(), 5_000);
	}

	get isOpen() {
		return this.socket?.readyState === WebSocket.OPEN && this.welcomed;
	}

	open() {
		clearTimeout(this.timer);
		this.until = 0;
		this.welcomed = false;
		this.lastHeard = Date.now();
		this.handlers.state("connecting");
		const socket = new WebSocket(this.url);
		this.socket = socket;
		socket.onmessage = (message) => this.receive(socket, message);
		socket.onclose = (close) => this.closed(socket, close.code);
	}

	// hurry tries at once instead of at the end of the wait.
	hurry() {
		if (this.until) this.open();
	}

	send(line) {
		this.socket.send(line);
	}

	receive(socket, message) {
		if (socket !== this.socket) return;
		this.lastHeard = Date.now();
		for (const event of JSON.parse(message.data)) {
			if (event.kind === "welcome") {
				this.failures = 0;
				this.heartbeat = event.limits.heartbeat;
				this.welcomed = true;
				this.handlers.state("open");
			}
			this.handlers.message(event);
		}
	}

	closed(socket, code) {
		if (socket !== this.socket) return;
		const wasIn = this.welcomed;
		this.socket = null;
		this.welcomed = false;
		if (code === normal) {
			this.handlers.state("ended");
			return;
		}
		let wait = Math.min(longest, shortest * 2 ** this.failures);
		this.failures++;
		if (code === tryAgainLater) wait = Math.max(wait, afterRefusal);
		// Not all at once, when a server comes back to a crowd.
		wait *= 0.75 + Math.random() / 2;
		this.until = Date.now() + wait;
		this.timer = setTimeout(() => this.open(), wait);
		let why = "unreachable";
		if (code === goingAway) why = "shutdown";
		else if (code === tryAgainLater) why = "refused";
		else if (wasIn) why = "lost";
		this.handlers.state("waiting", { why, until: this.until });
	}

	// checkAlive gives a connection up on which nothing comes: some networks lose one without a word.
	checkAlive() {
		const socket = this.socket;
		if (!socket) return;
		const patience = this.welcomed ? 2.5 * this.heartbeat : 15_000;
		if (Date.now() - this.lastHeard < patience) return;
		this.closed(socket, 1006);
		socket.close();
	}
}
