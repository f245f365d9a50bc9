"""Files as the tools write them, and as they should not be."""

from __future__ import annotations

import json

VARIENT_PHPMYADMIN = r"""-- phpMyAdmin SQL Dump
-- version 5.2.1
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
/*!40101 SET NAMES utf8mb4 */;

CREATE TABLE `posts` (
  `id` int(11) NOT NULL,
  `title` varchar(500) DEFAULT NULL,
  `content` longtext
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

INSERT INTO `posts` (`id`, `title`, `content`) VALUES
(1, 'It\'s; a trap', 'INSERT INTO `reactions` VALUES (9,9,9,9,9,9,9,9,9);\r\n-- not a comment'),
(2, 'He said ''no''', '/* nor this');

--
-- Table structure for table `reactions`
--

CREATE TABLE `reactions` (
  `id` int(11) NOT NULL,
  `post_id` int(11) DEFAULT NULL,
  `re_like` int(11) DEFAULT 0,
  `re_dislike` int(11) DEFAULT 0,
  `re_love` int(11) DEFAULT 0,
  `re_funny` int(11) DEFAULT 0,
  `re_angry` int(11) DEFAULT 0,
  `re_sad` int(11) DEFAULT 0,
  `re_wow` int(11) DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

INSERT INTO `reactions` (`id`, `post_id`, `re_like`, `re_dislike`, `re_love`, `re_funny`, `re_angry`, `re_sad`, `re_wow`) VALUES
(1, 12, 5, 0, 2, 0, 0, 0, 1),
(2, 7, 0, 0, 0, 0, 0, 0, 0),
(3, 2, 1, NULL, 0, 0, 0, 3, 0);

ALTER TABLE `reactions`
  ADD PRIMARY KEY (`id`);
COMMIT;
"""

VARIENT_MYSQLDUMP = """-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!40101 SET @saved_cs_client     = @@character_set_client */;
DROP TABLE IF EXISTS `reactions`;
CREATE TABLE `reactions` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `post_id` int(11) DEFAULT NULL,
  `re_like` int(11) DEFAULT '0',
  `re_dislike` int(11) DEFAULT '0',
  `re_love` int(11) DEFAULT '0',
  `re_funny` int(11) DEFAULT '0',
  `re_angry` int(11) DEFAULT '0',
  `re_sad` int(11) DEFAULT '0',
  `re_wow` int(11) DEFAULT '0',
  PRIMARY KEY (`id`),
  KEY `idx_post_id` (`post_id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8;
LOCK TABLES `reactions` WRITE;
/*!40000 ALTER TABLE `reactions` DISABLE KEYS */;
INSERT INTO `reactions` VALUES (1,12,5,0,2,0,0,0,1),(2,7,0,0,0,0,0,0,0),(3,2,1,NULL,0,0,0,3,0);
/*!40000 ALTER TABLE `reactions` ENABLE KEYS */;
UNLOCK TABLES;
"""

VARIENT_CSV = """"id","post_id","re_like","re_dislike","re_love","re_funny","re_angry","re_sad","re_wow"
"1","12","5","0","2","0","0","0","1"
"2","7","0","0","0","0","0","0","0"
"3","2","1",NULL,"0","0","0","3","0"
"""

VARIENT_ROWS = "id;post_id;reaction;total\n1;12;like;5\n2;12;love;2\n3;12;wow;1\n4;2;re_like;1\n5;2;sad;3\n"

VARIENT_COUNTS = {"12": {"like": 5, "love": 2, "wow": 1}, "2": {"like": 1, "sad": 3}}

WALINE_PG = """--
-- PostgreSQL database dump
--
SET statement_timeout = 0;
CREATE SEQUENCE public.wl_counter_seq;
CREATE TABLE public.wl_counter (
    id integer DEFAULT nextval('public.wl_counter_seq'::regclass) NOT NULL,
    "time" integer,
    reaction0 integer,
    reaction1 integer,
    url character varying(255) DEFAULT ''::character varying NOT NULL,
    CONSTRAINT wl_counter_id_check CHECK ((id > 0))
);
COPY public.wl_comment (id, comment) FROM stdin;
1\tC:\\\\ 'quoted; "
\\.
COPY public.wl_counter (id, "time", reaction0, reaction1, url) FROM stdin;
1\t210\t3\t\\N\t/news/rain.html
2\t4\t\\N\t2\t/news/%C3%BCber
\\.
CREATE INDEX by_url ON public.wl_counter USING btree (url);
"""

WALINE_SQLITE = """PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "wl_Comment" ("id" INTEGER, "comment" TEXT, PRIMARY KEY("id" AUTOINCREMENT));
INSERT INTO wl_Comment VALUES(1,'C:\\
it''s over two lines');
INSERT INTO wl_Comment VALUES(2,replace('one\\ntwo','\\n',char(10)));
CREATE TABLE IF NOT EXISTS "wl_Counter" (
\t"id"\tINTEGER,
\t"time"\tINTEGER,
\t"reaction0"\tINTEGER,
\t"reaction1"\tINTEGER,
\t"url"\tTEXT,
\tPRIMARY KEY("id" AUTOINCREMENT)
);
INSERT INTO wl_Counter VALUES(1,210,3,NULL,'/news/rain.html');
INSERT INTO wl_Counter VALUES(2,4,NULL,2,'/news/%C3%BCber');
CREATE INDEX by_url ON wl_Counter (url);
COMMIT;
"""

_COUNTERS = [
    {
        "objectId": "1",
        "time": 210,
        "reaction0": 3,
        "reaction1": None,
        "url": "/news/rain.html",
        "createdAt": "2024-05-01 08:00:00",
    },
    {"objectId": "2", "time": 4, "reaction1": 2, "url": "/news/%C3%BCber"},
]
WALINE_JSON = json.dumps(
    {"type": "waline", "version": 1, "time": 1, "tables": ["Counter"], "data": {"Comment": [], "Counter": _COUNTERS, "Users": []}}
)
WALINE_ADMIN = json.dumps({"errno": 0, "errmsg": "", "data": json.loads(WALINE_JSON)})
WALINE_LEANCLOUD = json.dumps({"results": _COUNTERS})
WALINE_LINES = "\n".join(map(json.dumps, _COUNTERS)) + "\n"
WALINE_CSV = "id,time,reaction0,reaction1,url\n1,210,3,,/news/rain.html\n2,4,NULL,2,/news/%C3%BCber\n"

WALINE_COUNTS = {"/news/rain.html": {"like": 3}, "/news/über": {"sad": 2}}

OPEN_HEART = '{"👍": 14, "❤": 12, "😢": 0, "🥨": 0}'
OPEN_HEARTS = json.dumps({"https://daily.example/rain?x=1": {"❤️": 3}, "daily.example/sun": {"👍": 1}})

APPLAUSE = json.dumps([{"url": "daily.example/rain", "claps": 7}, {"url": "https://daily.example/sun/", "claps": 2}])
APPLAUSE_DYNAMO = """{"Item":{"url":{"S":"daily.example/rain"},"claps":{"N":"7"}}}
{"Item":{"url":{"S":"daily.example/sun/"},"claps":{"N":"2"}}}
"""


def lyket(name: str, total: int, kind: str = "likes") -> dict[str, object]:
    """A button as Lyket's API answers it."""
    attributes = {"namespace": "news", f"total_{kind}": total, "user_has_liked": False}
    return {"data": {"id": name, "type": "like_button", "attributes": attributes}}


LYKET_ONE = json.dumps(lyket("rain", 4))
LYKET_MANY = json.dumps([lyket("rain", 4), lyket("sun", 2, "claps")])
LYKET_RANK = json.dumps({"data": [lyket("rain", 4)["data"], lyket("sun", 2, "claps")["data"]]})

MAPPING_WIDE = 'key = "news/{slug}"\n[reactions]\nThumbs = "like"\nhearts = "love"\nviews = ""\n'
WIDE = "slug,thumbs,hearts,views\nrain,3,1,900\nsun,,2,100\n"
MAPPING_ROWS = 'key = "{path}"\nurl = "page"\nreaction = "emotion"\ntotal = "n"\n[reactions]\n"+1" = "like"\n"<3" = "love"\n'
ROWS = "page,emotion,n\nhttps://daily.example/rain,+1,3\nhttps://daily.example/rain,<3,1\nhttps://daily.example/sun,<3,2\n"
