/** What a `reaction-change` event tells: a vote of this reader that the service has confirmed. */
export interface ReactionChange {
  /** The site's key. */
  site: string;
  /** The article's key. */
  article: string;
  /** The reaction's key; null after a withdrawal. */
  reaction: string | null;
  /** The reader's reaction before; null if there was none. */
  previous: string | null;
  /** All votes on the article, this one included; null while the newsroom hides the numbers. */
  total: number | null;
  /** The votes by reaction key, zeros included; null while the newsroom hides the numbers. */
  counts: Record<string, number | null>;
}

/** The event. It bubbles and crosses shadow roots. */
export type ReactionChangeEvent = CustomEvent<ReactionChange>;

/** Attributes of both elements, and properties of the same names. */
export interface ReactionCountAttributes {
  /** The site's key. */
  site?: string;
  /** The article's key; the path of the page without one. */
  article?: string | number;
  /** The publisher's signature of the article's key, where the site asks for one. */
  sig?: string;
  /** The service's address, without a slash at its end. */
  server?: string;
  lang?: string;
}

/** Attributes of the row. */
export interface ReaderReactionsAttributes extends ReactionCountAttributes {
  /** "emoji" for the system's, "none", or the address of pictures with `{key}` in it. */
  icons?: string;
  /** Any of "after", "share" and "total". */
  results?: string;
  heading?: string;
  unsaved?: string;
  offline?: string;
  closed?: string;
  unknown?: string;
  busy?: string;
  gone?: string;
  foreign?: string;
  votes?: string;
  /** Readers may have their votes forgotten here: a small button below the row. */
  menu?: string | boolean;
  forget?: string;
  forgotten?: string;
}

type Properties<Attributes> = { [Name in Exclude<keyof Attributes, "lang">]: Attributes[Name] | null };

/** `<reader-reactions>`: the row of reactions under an article. */
export interface ReaderReactionsElement extends HTMLElement, Properties<ReaderReactionsAttributes> {
  /** Have every site that knows the reader forget them, and forget them in this browser. Their votes stay as nobody's, or are
   * withdrawn, as the site has chosen. */
  forgetReader(): Promise<void>;
}

/** `<reaction-count>`: the number of votes on an article, for lists. */
export interface ReactionCountElement extends HTMLElement, Properties<ReactionCountAttributes> {}

declare global {
  interface HTMLElementTagNameMap {
    "reader-reactions": ReaderReactionsElement;
    "reaction-count": ReactionCountElement;
  }
  interface GlobalEventHandlersEventMap {
    "reaction-change": ReactionChangeEvent;
  }
}

/** For frameworks that set `onreaction-change` as a listener. */
interface Listening {
  "onreaction-change"?: (event: ReactionChangeEvent) => void;
}

// What follows types the tags in the templates of frameworks. A framework that is not installed is passed over.

// @ts-ignore
declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      // @ts-ignore
      "reader-reactions": DetailedHTMLProps<HTMLAttributes<ReaderReactionsElement>, ReaderReactionsElement> & ReaderReactionsAttributes & Listening;
      // @ts-ignore
      "reaction-count": DetailedHTMLProps<HTMLAttributes<ReactionCountElement>, ReactionCountElement> & ReactionCountAttributes;
    }
  }
}

// @ts-ignore
declare module "preact" {
  namespace JSX {
    interface IntrinsicElements {
      // @ts-ignore
      "reader-reactions": HTMLAttributes<ReaderReactionsElement> & ReaderReactionsAttributes & Listening;
      // @ts-ignore
      "reaction-count": HTMLAttributes<ReactionCountElement> & ReactionCountAttributes;
    }
  }
}

// @ts-ignore
declare module "vue" {
  interface GlobalComponents {
    // @ts-ignore
    "reader-reactions": DefineComponent<ReaderReactionsAttributes & { onReactionChange?: (event: ReactionChangeEvent) => void }>;
    // @ts-ignore
    "reaction-count": DefineComponent<ReactionCountAttributes>;
  }
  namespace JSX {
    interface IntrinsicElements {
      "reader-reactions": ReaderReactionsAttributes & Listening & { [name: string]: unknown };
      "reaction-count": ReactionCountAttributes & { [name: string]: unknown };
    }
  }
}

// @ts-ignore
declare module "svelte/elements" {
  interface SvelteHTMLElements {
    // @ts-ignore
    "reader-reactions": HTMLAttributes<ReaderReactionsElement> & ReaderReactionsAttributes & Listening;
    // @ts-ignore
    "reaction-count": HTMLAttributes<ReactionCountElement> & ReactionCountAttributes;
  }
}
