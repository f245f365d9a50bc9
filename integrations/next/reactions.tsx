// The row of reactions for Next's app router: <Reactions article={article.id} /> in a page or layout, on the server or in a
// client component. React puts the script into the head, once; on client navigation the row shows the next article.
import type { ReactNode } from "react";

const SERVICE = process.env.NEXT_PUBLIC_REACTIONS_SERVICE ?? "https://reactions.example.org";
const SITE = process.env.NEXT_PUBLIC_REACTIONS_SITE ?? "daily";

// Leave this out where the npm module `reader-reactions` is installed: it has these types, and all attributes.
declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "reader-reactions": { site: string; article: string; lang?: string };
      "reaction-count": { site: string; article: string; lang?: string };
    }
  }
}

const script = <script async src={`${SERVICE}/widget/v1.js`} />;

export function Reactions({ article }: { article: string }): ReactNode {
  return (
    <>
      {script}
      <reader-reactions site={SITE} article={article} />
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
