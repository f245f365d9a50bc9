"use client";

// The row of reactions for React 19: <Reactions article={article.id} />. React puts the script into the head, once.
// The number alone, for lists: <ReactionCount article={article.id} />.
import { type ReactNode, type Ref, useEffect, useRef } from "react";

const SERVICE = "https://reactions.example.org";
const SITE = "daily";

export interface Change {
  article: string;
  reaction: string | null;
  previous: string | null;
  total: number | null;
}

interface Row {
  site: string;
  article: string;
  lang?: string;
  ref?: Ref<HTMLElement>;
}

// Leave this out where the npm module `reader-reactions` is installed: it has these types, and all attributes.
declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "reader-reactions": Row;
      "reaction-count": Row;
    }
  }
}

const script = <script async src={`${SERVICE}/widget/v1.js`} />;

export function Reactions({ article, onChange }: { article: string; onChange?: (change: Change) => void }): ReactNode {
  const row = useRef<HTMLElement>(null);
  // Not as a property: React forgets listeners of custom elements that were rendered on a server.
  useEffect(() => {
    const element = row.current;
    const tell = (event: Event) => onChange?.((event as CustomEvent<Change>).detail);
    element?.addEventListener("reaction-change", tell);
    return () => element?.removeEventListener("reaction-change", tell);
  }, [onChange]);
  return (
    <>
      {script}
      <reader-reactions ref={row} site={SITE} article={article} />
    </>
  );
}

export function ReactionCount({ article }: { article: string }): ReactNode {
  return (
    <>
      {script}
      <reaction-count site={SITE} article={article} />
    </>
  );
}
