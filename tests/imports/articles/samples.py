"""Files as publishers have them, and as attackers would."""

from __future__ import annotations

RSS = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/">
<channel>
  <title>The Daily</title>
  <link>https://daily.example/</link>
  <item>
    <title>Tom &amp;amp; Jerry &lt;em&gt;at last&lt;/em&gt; agree</title>
    <link>https://daily.example/news/tom-and-jerry?utm_source=rss</link>
    <guid isPermaLink="false">cms-17</guid>
    <media:title>not this one</media:title>
    <dc:creator>Anna Schmidt</dc:creator>
    <dc:creator><![CDATA[Ben Okafor]]></dc:creator>
    <category>Animals</category>
    <category>Peace</category>
    <pubDate>Sun, 01 Mar 2026 07:30:00 +0100</pubDate>
  </item>
  <item>
    <title>Rain</title>
    <guid>https://daily.example/weather/%C3%BCber-regen%2F2</guid>
    <author>cia@daily.example (Cia Rossi)</author>
  </item>
</channel>
</rss>
"""

RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
  xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://daily.example/"><title>The Daily</title></channel>
<item rdf:about="urn:1"><title>Old but gold</title><link>https://daily.example/old</link>
  <dc:subject>History</dc:subject><dc:date>2026-03-01T06:30:00Z</dc:date></item>
</rdf:RDF>
"""

ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom">
<title>The Daily</title>
<author><name>The desk</name></author>
<entry>
  <title type="html">Five &lt;b&gt;goals&lt;/b&gt; &amp;#8211; in ten minutes</title>
  <link rel="enclosure" href="https://daily.example/goals.mp3"/>
  <link href="https://daily.example/sport/goals"/>
  <id>tag:daily.example,2026:goals</id>
  <updated>2026-03-02T09:00:00Z</updated>
  <published>2026-03-01T20:15:00+01:00</published>
  <author><name>Dee</name></author>
  <category term="football" label="Football"/>
</entry>
<entry>
  <title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">A <i>quiet</i> day</div></title>
  <link rel="alternate" href="https://daily.example/quiet"/>
  <id>tag:daily.example,2026:quiet</id>
  <updated>2026-03-02T09:00:00Z</updated>
</entry>
</feed>
"""

SITEMAP = b"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">
<url>
  <loc>https://daily.example/economy/pie</loc>
  <news:news>
    <news:publication><news:name>The Daily</news:name><news:language>en</news:language></news:publication>
    <news:publication_date>2026-03-01</news:publication_date>
    <news:title>Pie prices climb</news:title>
    <news:keywords>pie, prices</news:keywords>
  </news:news>
</url>
</urlset>
"""

CSV = b"""key,title,url,section,authors,tags,published_at
pie,Pie prices climb,https://daily.example/economy/pie,Economy,Anna Schmidt; Ben Okafor,pie;prices,2026-03-01 07:30
rain,"Rain, and
more rain",,,,,
"""

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">'
    + b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><rss><channel><item><title>&l9;</title><link>https://daily.example/a</link></item></channel></rss>"
)

EXTERNAL = b"""<!DOCTYPE rss [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
<rss><channel><item><title>&secret;</title><link>https://daily.example/a</link></item></channel></rss>"""

REMOTE_DTD = b"""<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://127.0.0.1:%d/rss-0.91.dtd">
<rss version="0.91"><channel><item><title>a</title><link>https://daily.example/a</link></item></channel></rss>"""


def table(*rows: str, header: str = "key,title,url,section,authors,tags,published_at") -> bytes:
    """A CSV file of these rows."""
    return "\n".join([header, *rows, ""]).encode()


def long_table(articles: int) -> bytes:
    """A CSV file of many articles."""
    return table(*(f"story-{number},Story {number},,News,,," for number in range(articles)))
