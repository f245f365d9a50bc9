"""Files as the tools write them, and as they should not be."""

from __future__ import annotations

import json

DUMPS = {
    "phpMyAdmin": "-- phpMyAdmin SQL Dump\n-- version 5.2.1\nINSERT INTO `reactions` VALUES (1, 12, 5);\n",
    "mysqldump": "/*!40101 SET NAMES utf8mb4 */;\nDROP TABLE IF EXISTS `reactions`;\n",
    "pg_dump": "--\n-- PostgreSQL database dump\n--\nSET statement_timeout = 0;\n",
    "sqlite3": "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n",
    "one statement": "insert into wl_Counter values (1,210,3);\n",
}

# phpMyAdmin: Export, CSV, column names in the first row
VARIENT_CSV = """"id","post_id","re_like","re_dislike","re_love","re_funny","re_angry","re_sad","re_wow"
"1","12","5","0","2","0","0","0","1"
"2","7","0","0","0","0","0","0","0"
"3","2","1",NULL,"0","0","0","3","0"
"""

# phpMyAdmin: Export, CSV for MS Excel
VARIENT_CSV_SEMICOLONS = VARIENT_CSV.replace(",", ";").replace("\n", "\r\n")

# mysql --batch -e 'SELECT * FROM reactions'
VARIENT_BATCH = (
    "id\tpost_id\ttitle\tre_like\tre_dislike\tre_love\tre_sad\tre_wow\n"
    '1\t12\tHe said "no"\\tC:\\\\new\t5\t0\t2\t0\t1\n'
    '3\t2\t"Quoted" twice\\nover\t1\tNULL\t0\t3\t0\n'
)

VARIENT_ROWS = "id;post_id;reaction;total\n1;12;like;5\n2;12;love;2\n3;12;wow;1\n4;2;re_like;1\n5;2;sad;3\n"

VARIENT_COUNTS = {"12": {"like": 5, "love": 2, "wow": 1}, "2": {"like": 1, "sad": 3}}

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
WALINE_LEANCLOUD_LINES = f'#filetype:JSON-streaming {{"type":"Class","class":"Counter"}}\n{WALINE_LINES}'
WALINE_CSV = "id,time,reaction0,reaction1,url\n1,210,3,,/news/rain.html\n2,4,NULL,2,/news/%C3%BCber\n"

WALINE_SQLITE = "id,time,reaction0,reaction1,url\r\n1,210,3,,/news/rain.html\r\n2,4,,2,/news/%C3%BCber\r\n"

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

# Artalk: an export in Artrans, every field as text
ARTALK = json.dumps(
    [
        {
            "id": "1",
            "rid": "0",
            "page_key": "/news/rain.html",
            "page_title": "Rain",
            "content": "a",
            "vote_up": "3",
            "vote_down": "1",
        },
        {
            "id": "2",
            "rid": "1",
            "page_key": "/news/rain.html",
            "page_title": "Rain",
            "content": "b",
            "vote_up": 2,
            "vote_down": "",
        },
        {"id": "3", "rid": "0", "page_key": "2021/05/08/hello/", "page_title": "Hello", "content": "c", "vote_up": "0"},
        {"id": "4", "rid": "0", "page_key": "https://daily.example/sun", "content": "c", "vote_up": "1", "vote_down": "0"},
    ]
)
DISQUS_ONE = {
    "code": 0,
    "response": {
        "prompt": "What do you think?",
        "reactions": [
            {"id": 11, "text": "Upvote", "votes": 5, "order": 0},
            {"id": 12, "text": "Funny", "votes": 0, "order": 1},
            {"id": 13, "text": "Love", "votes": 2, "order": 2},
            {"id": 14, "text": "Surprised", "votes": 1, "order": 3},
        ],
    },
}
DISQUS = json.dumps({"https://daily.example/rain": DISQUS_ONE})
# WP ULike: SELECT * FROM wp_ulike
ULIKE = """id,post_id,date_time,ip,user_id,fingerprint,status
1,12,2024-05-01 08:00:00,127.0.0.0,1,,like
2,12,2024-05-01 08:01:00,127.0.0.0,2,,like
3,12,2024-05-01 08:02:00,127.0.0.0,3,,unlike
4,7,2024-05-01 08:03:00,127.0.0.0,1,,dislike
5,7,2024-05-01 08:03:00,127.0.0.0,4,,undislike
"""

MAPPING_WIDE = 'key = "news/{slug}"\n[reactions]\nThumbs = "like"\nhearts = "love"\nviews = ""\n'
WIDE = "slug,thumbs,hearts,views\nrain,3,1,900\nsun,,2,100\n"
MAPPING_ROWS = 'key = "{path}"\nurl = "page"\nreaction = "emotion"\ntotal = "n"\n[reactions]\n"+1" = "like"\n"<3" = "love"\n'
ROWS = "page,emotion,n\nhttps://daily.example/rain,+1,3\nhttps://daily.example/rain,<3,1\nhttps://daily.example/sun,<3,2\n"
