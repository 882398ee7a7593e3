// What has to do with keys and with small screens, where the lists are a drawer over the conversation.

const $ = (id) => document.getElementById(id);

// watchLayout returns what the rest of the page needs of it.
export function watchLayout(composer) {
	const side = $("side");
	const button = $("show-side");

	function showSide() {
		side.classList.add("open");
		button.setAttribute("aria-expanded", "true");
		$("hide-side").focus();
	}

	function hideSide() {
		if (!side.classList.contains("open")) return false;
		side.classList.remove("open");
		button.setAttribute("aria-expanded", "false");
		return true;
	}

	button.addEventListener("click", showSide);
	$("hide-side").addEventListener("click", () => {
		hideSide();
		button.focus();
	});
	$("log").addEventListener("pointerdown", hideSide);

	document.addEventListener("keydown", (event) => {
		if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
		if (event.key === "Escape") {
			if (hideSide()) button.focus();
			else composer.focus();
			return;
		}
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const typing = event.target.closest("input, textarea");
		if (event.target === composer.input && (event.key === "PageUp" || event.key === "PageDown")) {
			event.preventDefault();
			const log = $("log");
			log.scrollBy(0, (event.key === "PageUp" ? -0.8 : 0.8) * log.clientHeight);
		} else if (!typing && event.key.length === 1 && event.key !== " ") {
			// Whoever begins to type means to say it; the key still goes where the focus is then.
			composer.focus();
		}
	});

	return { hideSide };
}
