/*! Reader Reactions 1.0.0, MIT
 * <reader-reactions heading unsaved offline closed site article lang server>, <reaction-count site article>
 * ::part: heading row button emoji label count status
 * --reactions-accent, -border, -tint, -radius, -gap, -emoji
 * Event reaction-change: {site, article, reaction, previous, total, counts}
 */
if (globalThis.customElements) {
	const script = /** @type {any} */ (document.currentScript);
	const NAMES = "heading unsaved offline closed site article lang server".split(" ");
	/** @type {any} */
	const WORDS = {
		en: "What's your reaction?|Not saved|offline|Voting is closed",
		de: "Wie reagieren Sie darauf?|Nicht gespeichert|offline|Abstimmung beendet",
		fr: "Quelle est votre réaction ?|Non enregistré|hors ligne|Vote clos",
		es: "¿Cuál es su reacción?|No guardado|sin conexión|Votación cerrada",
	};
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(`
		:host(:not([hidden])) { display: block; font-size: max(1rem, 16px); line-height: 1.25 }
		[part=row] { display: grid; grid-template-columns: repeat(auto-fit, minmax(clamp(4em, (31em - 100%) * 99, 23%), 1fr));
			gap: var(--reactions-gap, .25em); margin: .5em 0; max-width: 42em }
		[part=button] { display: grid; grid-template-rows: auto 1fr auto; align-items: center; min-height: 6em; padding: .4em .1em;
			border: 0; border-radius: var(--reactions-radius, 4px); background: none; color: inherit; font: inherit }
		[part=emoji] { font-size: var(--reactions-emoji, 1.5em); font-variant-emoji: emoji }
		[part=label] { hyphens: auto; overflow-wrap: anywhere }
		[part=label], [part=count], [part=status] { font-size: .8em }
		[part=count], [part=heading] { font-weight: bold }
		[part=status] { min-height: 1.25em }
		:enabled { border: 1px solid var(--reactions-border, color-mix(in srgb, currentColor 20%, #0000)); cursor: pointer }
		[aria-pressed=true] { background: var(--reactions-tint, color-mix(in srgb, currentColor 8%, #0000));
			outline: 2px solid var(--reactions-accent, currentColor); outline-offset: -2px }
		:focus-visible { outline: 2px solid var(--reactions-accent, currentColor); outline-offset: 2px }
		@media (hover: hover) { :enabled:hover { border-color: currentColor } }`);

	/** @param {() => any} act */
	const attempt = (act) => {
		try {
			return act();
		} catch {}
	};

	const store = attempt(() => localStorage) ?? {};
	let me = "";

	const ask = async (url = "", options = {}, wanted = () => true) => {
		for (let tries = 1; ; tries++) {
			const signal = AbortSignal.timeout(5000);
			const answer = await fetch(url, { credentials: "omit", signal, ...options }).catch(() => Response.error());
			const body = await answer.json().catch(() => null);
			if (answer.ok && body) return body;
			const wait = Number(answer.headers.get("Retry-After"));
			const refused = answer.status > 399 && answer.status < 500;
			if (refused || tries > 2 || wait > 9 || !navigator.onLine || !wanted()) throw { ...(refused && body) };
			await new Promise((resolve) => setTimeout(resolve, (wait + Math.random() * tries) * 1000));
		}
	};

	class Story {
		views = new Set();
		queue = Promise.resolve();

		constructor(url = "", site = "", article = "") {
			this.url = url;
			this.site = site;
			this.query = `article=${encodeURIComponent(article)}&`;
			this.name = `reader-reactions ${site} ${article}`;
			const [seq, choice = ""] = (store[this.name] ?? "0").split(" ");
			this.seq = Number(seq) - Date.now() < 864e5 ? Number(seq) : 0;
			this.choice = choice;
			this.answer = /** @type {any} */ ({ article, reaction: choice });
		}

		choose(choice = "") {
			this.choice = choice;
			attempt(() => (store[this.name] = `${this.seq} ${choice}`));
			this.draw();
		}

		draw() {
			for (const view of this.views) view.draw();
		}

		/** @param {any} view */
		vote(view, reaction = "") {
			const seq = (this.seq = Math.max(Date.now(), this.seq + 1));
			const latest = () => seq === this.seq;
			me ||=
				store["reader-reactions"] ||
				crypto.getRandomValues(new Uint8Array(32)).reduce((id, byte) => id + (byte % 16).toString(16), "");
			attempt(() => (store["reader-reactions"] = me));
			this.why = null;
			this.choose(reaction);
			// One request at a time, then only the newest choice.
			this.queue = this.queue.then(async () => {
				if (!latest()) return;
				const { article, reaction: previous } = this.answer;
				const body = JSON.stringify({ article, reaction: reaction || null, reader: me, seq });
				const headers = { "Content-Type": "application/json" };
				try {
					const answer = await ask(this.url + "vote", { method: "PUT", headers, body, keepalive: true }, latest);
					this.answer = { ...this.answer, ...answer };
					const detail = { ...answer, site: this.site, previous: previous || null };
					view.dispatchEvent(new CustomEvent("reaction-change", { bubbles: true, composed: true, detail }));
				} catch (why) {
					if (latest()) this.why = why;
				}
				if (latest()) this.choose(this.answer.reaction ?? "");
			});
		}
	}

	const stories = Object.create(null);
	const labels = Object.create(null);

	/** @param {any[]} views */
	const load = (views) => {
		const wanted = [...new Set(views.map((view) => view.story))];
		const [{ key, locale, story }] = views;

		const get = async (path = "", chunk = wanted) => {
			const before = chunk.map((story) => story.answer);
			// A cache may not know the own vote.
			const cache = chunk.some((story) => story.seq) ? "no-cache" : "default";
			const answer = await ask(story.url + path, { cache }, () => chunk.some((story) => story.views.size));
			const { reactions, articles = [answer] } = answer;
			if (reactions) {
				answer.counts = {};
				for (const { key, count } of reactions) answer.counts[key] = count;
				labels[key] = [...reactions];
			}
			chunk.forEach((story, i) => {
				if (story.answer === before[i]) story.answer = { ...before[i], ...articles[i] };
			});
			for (const { story } of views) story.draw();
		};

		if (!labels[key] && views.some((view) => view.word))
			get(`reactions?${story.query}lang=${locale}`, wanted.splice(0, 1)).catch(() => null);
		while (wanted.length) {
			let n = 0;
			let path = "counts?";
			while (wanted[n] && n < 100 && path.length < 6000) path += wanted[n++].query;
			get(path, wanted.splice(0, n)).catch(() => null);
		}
	};

	const observer = new IntersectionObserver(
		(/** @type {any} */ entries) => {
			const groups = Object.create(null);
			for (const { isIntersecting, target } of entries) if (isIntersecting) (groups[target.key] ??= []).push(target);
			Object.values(groups).forEach(load);
		},
		{ rootMargin: "50%" },
	);

	/** @type {(...rest: any) => any} */
	const part = (name, tag = "div", ...children) => {
		const element = document.createElement(tag);
		element.setAttribute("part", name);
		element.append(...children);
		return element;
	};

	class ReactionCount extends HTMLElement {
		static observedAttributes = NAMES;
		root = this.attachShadow({ mode: "open" });
		key = "";

		connectedCallback() {
			const site = this.getAttribute("site") ?? "";
			const article = this.getAttribute("article") || attempt(() => decodeURI(location.pathname));
			const url = `${this.getAttribute("server") ?? script?.src.split("/widget/")[0]}/v1/sites/${site}/`;
			const lang = this.closest("[lang]")?.getAttribute("lang") ?? "";
			this.locale = attempt(() => Intl.getCanonicalLocales(lang)[0]) ?? navigator.language;
			this.key = url + this.locale;
			this.story = stories[url + article] ??= new Story(url, site, article);
			this.story.views.add(this);
			this.draw();
			observer.observe(this);
		}

		disconnectedCallback() {
			observer.unobserve(this);
			this.story?.views.delete(this);
		}

		attributeChangedCallback() {
			if (this.isConnected) {
				this.disconnectedCallback();
				this.connectedCallback();
			}
		}

		format(n = 0, less = 0) {
			return n === null ? "" : new Intl.NumberFormat(this.locale).format(n > less ? n - less : 0);
		}

		draw() {
			const { counts, total } = this.story.answer;
			if (counts) observer.unobserve(this);
			this.root.textContent = counts && this.format(total);
		}
	}

	class ReaderReactions extends ReactionCount {
		#heading = part("heading");
		#row = part("row");
		#status = part("status");

		constructor() {
			super();
			this.root.adoptedStyleSheets = [sheet];
			this.root.append(this.#heading, this.#row, this.#status);
			this.#row.role = "group";
			this.#status.role = "status";
		}

		word(i = 0) {
			return this.getAttribute(NAMES[i]) ?? (WORDS[this.locale.slice(0, 2)] ?? WORDS.en).split("|")[i];
		}

		draw() {
			const { choice, answer, why } = this.story;
			const known = answer.counts && labels[this.key];
			const { children } = this.#row;
			if (known) observer.unobserve(this);
			this.#row.style.visibility = this.#heading.style.visibility = known ? "" : "hidden";
			this.#row.ariaLabel = this.#heading.textContent = this.word(0);
			if (children.length !== known?.length)
				this.#row.replaceChildren(...Array.from(known ?? { length: 7 }, () => part("button", "button")));
			for (const [i, { key, label, emoji }] of known?.entries() ?? []) {
				const button = children[i];
				const count = this.format(answer.counts[key], Number(key === answer.reaction) - Number(key === choice));
				button.disabled = !answer.open;
				button.ariaPressed = key === choice;
				button.ariaLabel = label + (count && `, ${count}`);
				button.replaceChildren(
					part("emoji", "span", emoji + "\uFE0F"),
					part("label", "span", label),
					part("count", "span", count),
				);
				button.onclick = () => this.story.vote(this, key === choice ? "" : key);
			}
			const unsaved = why && (why.detail || this.word(1) + (navigator.onLine ? "" : ` – ${this.word(2)}`));
			this.#status.textContent = known && !answer.open ? this.word(3) : unsaved;
		}
	}

	if (!customElements.get("reader-reactions")) {
		customElements.define("reader-reactions", ReaderReactions);
		customElements.define("reaction-count", ReactionCount);
	}
	if (script?.dataset.site) {
		const view = document.createElement("reader-reactions");
		for (const name in script.dataset) view.setAttribute(name, script.dataset[name]);
		script.after(view);
	}
}
