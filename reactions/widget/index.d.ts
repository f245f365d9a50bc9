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

/** `<reader-reactions>`: the row of reactions under an article. */
export interface ReaderReactionsElement extends HTMLElement {}

/** `<reaction-count>`: the number of votes on an article, for lists. */
export interface ReactionCountElement extends HTMLElement {}

declare global {
  interface HTMLElementTagNameMap {
    "reader-reactions": ReaderReactionsElement;
    "reaction-count": ReactionCountElement;
  }
  interface GlobalEventHandlersEventMap {
    "reaction-change": ReactionChangeEvent;
  }
}
