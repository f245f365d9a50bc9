/*! Reader Reactions 1.2.0, MIT
 * <reader-reactions>, <reaction-count>; attributes, also properties: NAMES; parts and custom properties: CSS
 * A slot for the picture of each reaction, by its key; method forgetReader()
 * Event reaction-change: {site, article, reaction, previous, total, counts}
 */
try {
	const TOKEN = "reader-reactions ";
	const NAMES = "heading unsaved offline closed unknown busy gone foreign votes forget forgotten icons results menu site article sig lang server".split(" ");
	// Other words, and the faces, are in v1.json.
	const ENGLISH = ["What’s your reaction?", "Not confirmed", "offline", "Voting is closed"];
	const CSS = `
		:host(:not([hidden])) { display: block; font-size: max(1rem, 16px); line-height: 1.25; white-space: normal }
		[part=row] { display: flex; flex-wrap: wrap; gap: var(--gap); margin: .5em 0; max-width: var(--reactions-width, 42em);
			--gap: var(--reactions-gap, .25em); --of: (100% + var(--gap)) / }
		[part=button] { display: grid; grid-template: var(--reactions-grid, auto 1fr auto / minmax(0, 1fr)); align-items: center; justify-content: center; gap: 0 .4em;
			flex: 1 0 calc(max(clamp(var(--of) var(--wide), (var(--reactions-break, 31em) - 100%) * 999, var(--of) var(--narrow)),
				min((17em - 100%) * 999, var(--of) 2)) - var(--gap) - .1px);
			box-sizing: border-box; min-width: 0; min-height: var(--reactions-height, 6em); padding: .4em .1em;
			border: var(--reactions-line, 1px) solid #0000; border-radius: var(--reactions-radius, 4px);
			background: var(--reactions-surface, none); color: inherit; font: inherit; container-type: inline-size }
		[part=emoji] { font-size: var(--reactions-emoji, 1.5em) }
		svg, img, ::slotted(*) { display: block; margin: auto; width: 1.25em; height: 1.25em }
		[part=label] { display: var(--reactions-label, block); hyphens: auto; overflow-wrap: anywhere }
		[part=label], [part=status] { font-size: .8em }
		[part=count] { font-size: min(.8em, 150cqi / var(--n)); line-height: max(1rem, 16px) }
		[part=count], [part=heading] { font-weight: bold }
		[part=count], [part=status] { min-height: 1.25em }
		:enabled { border-color: var(--reactions-border, color-mix(in srgb, currentColor 20%, #0000)); cursor: pointer }
		[aria-pressed=true] { background: var(--reactions-tint, color-mix(in srgb, currentColor 8%, #0000));
			outline: 2px solid var(--reactions-accent, currentColor); outline-offset: -2px }
		:focus-visible { outline: 2px solid var(--reactions-accent, currentColor); outline-offset: 2px }
		[part=forget] { min-height: 24px; padding: 0; border: 0; background: none; color: inherit; font: inherit; font-size: .8em; text-decoration: underline }
		@media (hover: hover) { :enabled:hover { border-color: currentColor } }`;
	const ANY = /** @type {any} */ (undefined);
	const Any = /** @type {any} */ (Object);
	const script = /** @type {any} */ (document.currentScript);
	const attempt = (act = ANY) => {
		try {
			return act();
		} catch {}
	};
	// A module has no currentScript, but errors name its file.
	const [, home, file = "v1"] =
		/([\w.+-]+:\/\/\S*)\/widget\/(v1|[\d.]+)\.js/.exec(`${script?.src} ${attempt(() => Error().stack)}`) ?? [];
	const limit = AbortSignal.timeout.bind(AbortSignal);
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(CSS);
	const views = new Set();
	const polls = new Map();
	const labels = new Map();
	const extras = new Map();
	const told = new Set();
	const rates = new Map();
	const lot = Math.random();
	let me = "";
	let kept = false;
	let ahead = false;
	let timer = ANY;

	const reader = () => {
		const id = attempt(() => localStorage["reader-reactions"] ?? "");
		const ours = /^[0-9a-f]{32}$/.test(id);
		// Another page has forgotten it.
		if (ours || (kept && id === "")) me = id;
		kept = ours;
		return me;
	};

	const forget = () => {
		me = "";
		for (const poll of polls.values()) Object.assign(poll, { choice: "", seq: 0 }).again();
	};

	const tell = (text = "") => told.has(text) || attempt(() => told.add(text) && console.warn(`reader-reactions: ${text}`));

	// Others than the service answer with 200, too.
	const ask = async (member = "", url = "", options = {}, wanted = () => true) => {
		for (let tries = 1, unsure = false; ; tries++) {
			let answer = ANY;
			let body = ANY;
			const { onLine } = navigator;
			try {
				answer = await fetch(url, { credentials: "omit", signal: limit(2000 + 5000 * tries), ...options });
				body = await answer.json();
			} catch {}
			if (answer?.ok && member in Object(body)) return body;
			const status = answer?.status ?? 0;
			const wait = Number(answer?.headers?.get("Retry-After")) || 0;
			const refused = status > 399 && status < 500;
			unsure ||= onLine && !refused && status !== 507;
			if (refused || tries > 2 || wait > 9 || !navigator.onLine || !wanted()) throw { ...body, status, wait, unsure };
			await new Promise((resolve) => setTimeout(resolve, (wait + Math.random() * tries) * 1000));
		}
	};

	const say = (member = "", url = "", method = "", body = {}, wanted = () => true) =>
		ask(member, url, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), keepalive: true }, wanted);

	/** The votes on one article, and the reader's own. */
	class Poll extends Any {
		constructor(url = "", site = "", article = "") {
			super();
			const query = `article=${encodeURIComponent(article)}`;
			const name = `reader-reactions ${site} ${article}`;
			Object.assign(this, { url, site, article, query, name, choice: "", views: new Set(), queue: Promise.resolve() });
			this.seq = 0;
			this.recall();
			this.answer = /** @type {any} */ ({ article, reaction: this.open ? "" : this.choice });
		}

		/** What another page has stored. */
		recall() {
			const [, seq, open, choice] = /^(\d{1,15})(!?) (.*)$/.exec(attempt(() => localStorage[this.name])) ?? [];
			if (!reader() || !seq || Number(seq) < this.seq) return;
			this.seq = Number(seq);
			this.open = open;
			if (choice === this.choice) return;
			Object.assign(this, { choice, turn: null });
			this.draw();
			// The counts on show may be older than that vote.
			if (this.answer) setTimeout(() => this.again(), 2000);
		}

		again() {
			for (const view of new Set(this.views)) view.attributeChangedCallback();
		}

		choose(choice = "", open = "") {
			this.choice = choice;
			attempt(() => (localStorage[this.name] = `${this.seq}${open} ${choice}`));
			this.draw();
		}

		draw() {
			for (const view of this.views) attempt(() => view.draw());
		}

		tap(view = ANY, key = "", { timeStamp = 0, detail = 0 }) {
			if (key === this.tapped && (detail > 1 || Math.abs(timeStamp - this.time) < 200)) return;
			const reaction = key === this.choice ? null : key;
			this.recall();
			const last = this.seq;
			const seq = Math.max(ahead ? 0 : Math.trunc(Date.now()), last + 1);
			Object.assign(this, { tapped: key, time: timeStamp, why: null, seq });
			me = reader() || crypto.getRandomValues(new Uint8Array(32)).reduce((id, byte) => id + (byte % 16).toString(16), "");
			attempt(() => (localStorage["reader-reactions"] = me));
			this.cast(view, reaction, last);
		}

		/** Send the choice, which is stored as one that is not confirmed until then. */
		cast(view = ANY, reaction = ANY, last = 0) {
			let { seq } = this;
			const turn = {};
			const latest = () => turn === this.turn;
			Object.assign(this, { turn, open: "" });
			this.choose(reaction ?? "", "!");

			const send = async (tries = 0) => {
				// For how long this reader has voted.
				const [token] = /^[\w-]{9,200}$/.exec(attempt(() => localStorage[TOKEN + this.url]) ?? "") ?? [];
				const { sig } = view;
				try {
					return await say("counts", `${this.url}vote`, "PUT", { article: this.article, reaction, reader: me, seq, sig, token }, latest);
				} catch (why) {
					if (tries > 1 || !latest() || !/seq/.test(/** @type {any} */ (why).type)) throw why;
					// The clock is ahead, or was when it stored the last number.
					ahead = !tries;
					this.seq = seq = ahead ? last + 1 : Math.trunc(Date.now());
					return send(tries + 1);
				}
			};

			// One request at a time, then the newest choice.
			this.queue = this.queue.then(async () => {
				if (!latest()) return;
				const { reaction: previous } = this.answer;
				try {
					const { token, ...answer } = await send();
					attempt(() => token && (localStorage[TOKEN + this.url] = token));
					this.answer = { ...this.answer, ...answer };
					const detail = { ...answer, site: this.site, previous: previous || null };
					attempt(() => view.dispatchEvent(new CustomEvent("reaction-change", { bubbles: true, composed: true, detail })));
				} catch (failed) {
					const why = /** @type {any} */ (failed);
					// A page that may not vote gets no answer, but may ask.
					if (why.unsure && !why.status) why.status = await ask("origin", `${this.url}vote`).then(() => 0, ({ status = 0 }) => status);
					if (why.status === 403) tell(`no votes from ${location.origin}. Is it an origin of the site ${this.site}?`);
					if (why.status === 409) this.answer = { ...this.answer, open: false };
					if (latest()) this.why = why;
				}
				if (!latest()) return;
				this.turn = ANY;
				this.choose(this.answer.reaction ?? "");
			});
		}
	}

	/** Ask about a view, and what else of the site is on the page. */
	const load = ({ key = "", locale = "", poll = ANY, home = "" }) => {
		if (!extras.has(home)) {
			extras.set(home, 0);
			ask("words", home, {}, () => false)
				.catch(() => 1)
				.then((found) => {
					extras.set(home, found);
					for (const poll of polls.values()) poll.draw();
				});
		}
		const wanted = new Set([poll]);
		let labelled = false;
		let length = 0;
		for (const view of views)
			if (view.key === key && view.poll) {
				labelled ||= view.word;
				if (!view.poll.asked && wanted.size < 100 && length < 6000) length += wanted.add(view.poll) && view.poll.query.length;
			}

		const get = async (chunk = ANY) => {
			const before = chunk.map(({ answer = ANY }) => answer);
			const query = chunk.map(({ query = "" }) => query).join("&");
			const url = poll.url + (labelled ? `reactions?${query}&lang=${locale}` : `counts?${query}`);
			const member = labelled ? "reactions" : "articles";
			// A cache may not know the own vote.
			const cache = chunk.some(({ seq = 0, answer = ANY }) => seq || answer.counts) ? "no-cache" : "default";
			for (const poll of chunk) poll.asked = true;
			try {
				const answer = await ask(member, url, { cache }, () => chunk.some(({ views = ANY }) => views.size));
				const { reactions, articles = [answer], views: rate } = answer;
				// A key may come back without what nobody sees.
				if (chunk.some(({ article = "" }, i = 0) => article.localeCompare(articles[i].article, "en", { sensitivity: "base" }))) {
					tell("a cache leaves out the query");
					throw 0;
				}
				if (rate) rates.set(poll.url, rate);
				if (reactions) {
					answer.counts ??= {};
					for (const { key, count } of reactions) answer.counts[key] = count;
					labels.set(key, [...reactions]);
				}
				chunk.forEach((poll = ANY, i = 0) => {
					const { answer, choice, turn } = poll;
					// A vote may have been answered meanwhile.
					const newer = answer === before[i] ? { ...answer, reaction: turn ? answer.reaction : choice, ...articles[i] } : answer;
					poll.answer = { ...articles[i], ...newer };
				});
			} catch (why) {
				const { status, detail } = /** @type {any} */ (why);
				if (status === 400 && chunk[1]) {
					// One key spoils the answer for the others.
					get(chunk.splice(0, chunk.length / 2));
					return get(chunk);
				}
				if (status === 404) tell(detail);
				for (const poll of chunk)
					if (status === 400 || status === 404) poll.answer = { ...poll.answer, error: true };
					else poll.asked = false;
			}
			for (const poll of chunk) poll.draw();
		};
		get([...wanted]);
	};

	const observer = /** @type {any} */ (new IntersectionObserver(
		(entries) => {
			for (const { isIntersecting, target } of /** @type {any} */ (entries))
				if (isIntersecting && target.poll) {
					if (!target.poll.asked) load(target);
				}
		},
		{ rootMargin: "50%" },
	));

	// Where a site counts views.
	const sight = /** @type {any} */ (new IntersectionObserver((entries) => {
		for (const { isIntersecting, target } of /** @type {any} */ (entries))
			if (isIntersecting && target.poll && target.word) target.poll.seen ||= 1;
	}));
	addEventListener("visibilitychange", () => {
		if (document.visibilityState === "hidden")
			for (const [url, rate] of rates) {
				const seen = [...polls.values()].filter((poll) => poll.url === url && poll.seen === 1).slice(0, 100);
				for (const poll of seen) poll.seen = 2;
				const articles = seen.map(({ article }) => article);
				if (lot * rate < 1 && articles[0]) attempt(() => navigator.sendBeacon(`${url}views`, JSON.stringify({ articles })));
			}
	}, true);

	// A view without a key follows the page's address.
	let path = location.pathname;
	const follow = () => {
		if (path !== (path = location.pathname))
			for (const view of new Set(views)) if (!view.article) view.attributeChangedCallback();
	};

	const recall = ({ persisted = false }) => {
		if (me && !reader()) forget();
		for (const poll of polls.values()) {
			poll.recall();
			if (persisted) poll.again();
		}
	};
	addEventListener("storage", /** @type {any} */ (recall));
	addEventListener("pageshow", recall);

	const part = (name = "", tag = "div", content = ANY ?? "") => {
		const element = document.createElement(tag);
		element.setAttribute("part", name);
		element.append(content);
		return element;
	};

	const drawing = (tag = "", { paths = ANY, ...attributes }) => {
		const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
		for (const name of Object.keys(attributes)) element.setAttribute(name, attributes[name]);
		for (const path of paths ?? []) element.append(drawing("path", path));
		return element;
	};

	class ReactionCount extends /** @type {any} */ (HTMLElement) {
		static observedAttributes = NAMES;
		root = this.attachShadow({ mode: "open" });

		connectedCallback() {
			attempt(() => this.#enter());
		}

		disconnectedCallback() {
			attempt(() => this.#leave());
		}

		#enter() {
			// What was set before the element was defined.
			for (const name of NAMES)
				if (Object.hasOwn(this, name)) {
					const value = this[name];
					delete this[name];
					this[name] = value;
				}
			let lang;
			// A document's host may be a form of that name.
			for (let node = this, root = ANY; node; node = root !== node.ownerDocument && root.host) {
				lang ??= node.closest("[lang]")?.getAttribute("lang");
				root = node.getRootNode();
			}
			for (const tag of ["en", navigator.language, lang])
				this.locale = attempt(() => Intl.getCanonicalLocales(tag.replace("_", "-"))[0]) ?? this.locale;
			const { site, server = home } = this;
			const url = `${server}/v1/sites/${site}/`;
			this.key = url + this.locale;
			this.home = `${server}/widget/${file}.json`;
			if (!this.article) timer ??= setInterval(follow, 250);
			setTimeout(() => (this.site && server) || tell("site or server is missing"), 999);
			this.poll = attempt(() => {
				const article = (this.article || decodeURI(/^\/.*/.exec(location.pathname)?.[0] ?? "%")).trim().normalize();
				if (site && server && article && [...article].length < 201)
					return polls.get(url + article) ?? polls.set(url + article, new Poll(url, site, article)).get(url + article);
			});
			views.add(this);
			this.poll?.views.add(this);
			observer.observe(this);
			sight.observe(this);
			const { poll } = this;
			if (poll) poll.asked = false;
			this.draw();
			// An earlier page was left before it heard.
			if (poll?.open) poll.cast(this, poll.choice || null, poll.seq - 1);
		}

		#leave() {
			observer.unobserve(this);
			sight.unobserve(this);
			views.delete(this);
			this.poll?.views.delete(this);
			this.poll = null;
		}

		attributeChangedCallback() {
			if (this.isConnected) {
				this.disconnectedCallback();
				this.connectedCallback();
			}
		}

		format(n = ANY, style = ANY) {
			return typeof n === "number" ? new Intl.NumberFormat(this.locale, { style }).format(Math.max(n, 0)) : "";
		}

		draw() {
			const { counts, total } = this.poll?.answer ?? {};
			this.root.textContent = counts ? this.format(total) : "";
		}
	}

	for (const name of NAMES)
		if (name !== "lang")
			Object.defineProperty(ReactionCount.prototype, name, {
				get() {
					return this.getAttribute(name) ?? undefined;
				},
				set(value) {
					if (value == null || value === false) this.removeAttribute(name);
					else this.setAttribute(name, value);
				},
			});

	class ReaderReactions extends ReactionCount {
		#heading = part("heading");
		#row = part("row");
		#status = part("status");
		#forget = part("forget", "button");
		#drawn = "";

		constructor() {
			super();
			this.root.append(this.#heading, this.#row, this.#status, this.#forget);
			this.#row.role = "group";
			this.#status.role = "status";
			this.#forget.onclick = () => this.forgetReader();
			this.#row.onkeydown = (event = ANY) => {
				if (event.repeat && event.key === "Enter") event.preventDefault();
			};
		}

		get extra() {
			return extras.get(this.home);
		}

		word(i = 0, value = "") {
			const words = this.extra?.words?.[this.locale.split("-")[0]] ?? ENGLISH;
			return (this[NAMES[i]] ?? words[i] ?? words[1]).replace("{}", value);
		}

		async forgetReader() {
			const { poll } = this;
			if (!poll || !reader()) return;
			const stored = attempt(() => Object.keys(localStorage).filter((name) => name.startsWith("reader-reactions"))) ?? [];
			const sites = stored.filter((name = "") => /\/v1\/sites\/[^/ ]+\/$/.test(name)).map((name = "") => name.slice(TOKEN.length));
			try {
				await Promise.all([...polls.values()].map(({ queue = ANY }) => queue));
				for (const url of new Set([...sites, poll.url])) await say("votes", `${url}vote/reader`, "DELETE", { reader: me });
				for (const name of stored) attempt(() => localStorage.removeItem(name));
				forget();
				poll.why = { forgotten: true };
			} catch (why) {
				poll.why = why;
			}
			poll.draw();
		}

		reason({ status = 0, unsure = false, wait = 0, forgotten = false }) {
			if (forgotten) return this.word(10);
			const [n, unit = ANY] = wait > 99 ? [wait / 60, "minute"] : [wait || 60, "second"];
			if (status === 429) return this.word(5, new Intl.RelativeTimeFormat(this.locale).format(Math.ceil(n), unit));
			const word = this.word(status === 403 || status === 404 ? 7 : status === 422 ? 6 : unsure ? 4 : 1);
			return navigator.onLine ? word : `${word} – ${this.word(2)}`;
		}

		picture({ key = "", emoji = "", icon = "" }) {
			const slot = document.createElement("slot");
			const { icons } = this;
			const text = icons === "none" ? "" : `${emoji}\uFE0F`;
			const face = !icons && !icon && this.extra?.faces?.[emoji.replace("\uFE0F", "")];
			slot.name = key;
			slot.append((face && attempt(() => drawing("svg", face))) || text);
			if (/\//.test(icons)) {
				const image = document.createElement("img");
				image.alt = "";
				image.onerror = () => image.replaceWith(text);
				image.src = icons.replace("{key}", key);
				slot.replaceChildren(image);
			}
			return slot;
		}

		draw() {
			const { poll, ownerDocument, root } = this;
			const { answer, choice, why } = poll ?? { answer: { error: true } };
			let style = sheet;
			if (answer.error || ownerDocument !== document) {
				style = new ownerDocument.defaultView.CSSStyleSheet();
				style.replaceSync(answer.error ? ":host { display: none !important }" : CSS);
			}
			root.adoptedStyleSheets = [style];
			const known =
				this.extra && answer.counts && labels.get(this.key)?.filter(({ key = "" }) => key in answer.counts);
			const n = known?.length ?? 7;
			const { children } = /** @type {any} */ (this.#row);
			this.#row.style.visibility = this.#heading.style.visibility = known ? "" : "hidden";
			this.#row.ariaLabel = this.#heading.textContent = this.word(0);
			const drawn = `${n} ${this.icons} ${this.extra} ${known?.map((one = ANY) => [one.key, one.label, one.emoji, one.icon])}`;
			if (drawn !== this.#drawn) {
				this.#drawn = drawn;
				for (const [name, most] of [["wide", 8], ["narrow", 4]])
					this.#row.style.setProperty(`--${name}`, String(Math.ceil(n / Math.ceil(n / Number(most)))));
				while (children.length < n) this.#row.append(part("button", "button"));
				while (children.length > n) children[n].remove();
				known?.forEach((one = ANY, i = 0) => {
					children[i].replaceChildren(part("emoji", "span", this.picture(one)), part("label", "span", one.label), part("count", "span"));
					children[i].onclick = (event = ANY) =>
						attempt(() => {
							follow();
							this.poll?.tap(this, one.key, event);
						});
				});
			}
			this.#forget.textContent = this.word(9);
			this.#forget.style.visibility = known && reader() ? "" : "hidden";
			this.#forget.style.display = this.menu == null ? "none" : "";
			const results = this.results ?? "";
			const voted = choice || !answer.open;
			const total = answer.total + Number(!!choice) - Number(!!answer.reaction);
			known?.forEach(({ key = "", label = "" }, i = 0) => {
				const button = children[i];
				const counted = answer.counts[key];
				const n = counted + Number(key === choice) - Number(key === answer.reaction);
				let count = counted === null ? "" : this.format(n);
				if (voted && total > 0 && /share/.test(results)) count = this.format(n / total, "percent");
				if (!voted && /after/.test(results)) count = "";
				button.disabled = !answer.open;
				button.ariaPressed = String(key === choice);
				button.ariaLabel = label + (count && `, ${count}`);
				button.lastChild.style = `--n: ${count.length}`;
				button.lastChild.textContent = count;
			});
			let said = why ? this.reason(why) : "";
			if (known && voted && total > 0 && /total/.test(results)) said ||= this.word(8, this.format(total));
			this.#status.textContent = known && !answer.open ? this.word(3) : said;
		}
	}

	if (!customElements.get("reader-reactions")) {
		customElements.define("reader-reactions", /** @type {any} */ (ReaderReactions));
		customElements.define("reaction-count", /** @type {any} */ (ReactionCount));
	}
	// The single tag. A kept page has its row.
	for (const tag of script ? [script] : document.querySelectorAll("script[type=module][data-site]")) {
		const view = document.createElement("reader-reactions");
		for (const name of Object.keys(tag.dataset)) view.setAttribute(name, tag.dataset[name]);
		if (tag.dataset.site && tag.nextElementSibling?.localName !== view.localName) tag.after(view);
	}
} catch {}
