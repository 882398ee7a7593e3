// Composer is where a person types. Enter sends; each line of the text is a line of its own for the server.

const encoder = new TextEncoder();

export class Composer {
	// send(line) returns false when it cannot.
	constructor(send) {
		this.send = send;
		this.maxLine = 1000; // bytes, until the server says
		this.sent = []; // what can be brought back, the newest last
		this.at = 0; // index in sent; its length when nothing is brought back
		this.input = document.getElementById("line");
		this.complaint = document.getElementById("complaint");
		this.input.addEventListener("input", () => this.changed());
		this.input.addEventListener("keydown", (event) => this.key(event));
		document.getElementById("composer").addEventListener("submit", (event) => {
			event.preventDefault();
			this.submit();
		});
	}

	focus() {
		this.input.focus();
	}

	// begin puts a text there to go on with.
	begin(words) {
		this.input.value = words;
		this.changed();
		this.focus();
	}

	complain(words) {
		this.complaint.textContent = words;
	}

	changed() {
		this.input.style.height = "auto";
		this.input.style.height = `${this.input.scrollHeight}px`;
		const longest = this.longest();
		this.complain(longest > this.maxLine ? this.tooLong(longest) : "");
	}

	lines() {
		return this.input.value.split("\n").filter((line) => line.trim() !== "");
	}

	longest() {
		return Math.max(0, ...this.lines().map((line) => encoder.encode(line).length));
	}

	tooLong(bytes) {
		return `That line has ${bytes} bytes; ${this.maxLine} can be sent at once.`;
	}

	key(event) {
		if (event.isComposing) return;
		if (event.key === "Enter" && !event.shiftKey) {
			event.preventDefault();
			this.submit();
		} else if (event.key === "ArrowUp" && this.canRecall()) {
			event.preventDefault();
			this.recall(-1);
		} else if (event.key === "ArrowDown" && this.canRecall() && this.at < this.sent.length) {
			event.preventDefault();
			this.recall(1);
		}
	}

	// canRecall is false while a text of the person's own would be lost.
	canRecall() {
		return this.input.value === "" || this.input.value === this.sent[this.at];
	}

	recall(step) {
		const to = this.at + step;
		if (to < 0 || to > this.sent.length) return;
		this.at = to;
		this.input.value = this.sent[to] ?? "";
		this.changed();
	}

	submit() {
		const lines = this.lines();
		const longest = this.longest();
		if (longest > this.maxLine) {
			this.complain(this.tooLong(longest));
			return;
		}
		for (const line of lines) {
			if (!this.send(line)) {
				this.complain("You are not connected: what you wrote stays here.");
				return;
			}
		}
		if (lines.length > 0) this.sent.push(this.input.value);
		this.sent.splice(0, this.sent.length - 50);
		this.at = this.sent.length;
		this.input.value = "";
		this.changed();
		this.focus();
	}
}
