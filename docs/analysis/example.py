"""What moves readers: four questions to the three files of an export, in pandas and in DuckDB's SQL, with a chart for each.

    reactions export daily all --output exports
    python docs/analysis/example.py exports charts

Needs pandas, duckdb and matplotlib.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import duckdb
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

INK, PALE, ACCENT, OTHER = "#1f2933", "#d5dbe1", "#1769aa", "#c2571a"
FEW = 30  # reactions below which an article says little
OLD_HOURS = 7 * 24  # an article as old as this has had nearly all it will get
STYLE = {
    "figure.facecolor": "white", "figure.constrained_layout.w_pad": 0.15, "figure.constrained_layout.h_pad": 0.12,
    "axes.facecolor": "white", "axes.edgecolor": PALE, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 13, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 14, "axes.labelcolor": INK,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#eef1f4", "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "font.size": 10.5, "savefig.dpi": 110,
}  # fmt: skip


def load(folder: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """The three tables, and what datapackage.json says of the site. Keys are text, even if they look like numbers."""
    text = {"article": "string", "section": "string", "title": "string", "reaction": "string", "from": "string", "to": "string"}
    times = {"articles": ["published_at", "first_seen_at"], "series": ["hour_utc"], "votes": ["at"]}
    tables = {
        name: pd.read_csv(folder / f"{name}.csv", dtype=text, parse_dates=columns, keep_default_na=False, na_values=[""])
        for name, columns in times.items()
    }
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    return tables, package["reactions"]["site"]


def mood_by_section(folder: Path, site: dict[str, Any]) -> pd.DataFrame:
    """The mean mood of each section's votes with its 95 % interval: SQL on the files themselves."""
    moods = ", ".join(f"('{entry['key']}', {entry['mood']})" for entry in site["reaction_set"])
    query = f"""
        with given as (
            select a.section, m.mood, sum(s.net) as n
            from read_csv('{folder}/series.csv', types = {{'article': 'VARCHAR'}}) s
            join read_csv('{folder}/articles.csv', types = {{'article': 'VARCHAR', 'section': 'VARCHAR'}}) a using (article)
            join (values {moods}) m(reaction, mood) using (reaction)
            where a.section is not null
            group by all
        )
        select section, sum(n)::bigint as votes, sum(n * mood) / sum(n) as mood,
               1.96 * sqrt((sum(n * mood * mood) / sum(n) - pow(sum(n * mood) / sum(n), 2)) / sum(n)) as error
        from given group by section order by mood
    """  # noqa: S608  the folder is the caller's own, the keys are checked by the service
    return duckdb.execute(query).df()


def diurnal(series: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Reactions given in an hour of the day, by local time: the mean of the weekdays and of the weekends."""
    local = series["hour_utc"].dt.tz_convert(time_zone)
    hours = series.assign(day=local.dt.date, hour=local.dt.hour, weekend=local.dt.day_of_week >= 5)
    days = hours.groupby("weekend")["day"].nunique()
    return (hours.groupby(["hour", "weekend"])["added"].sum().unstack(fill_value=0).reindex(range(24), fill_value=0)) / days


def growth(articles: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """For each article that is a week old: the share of a week's reactions it had at each hour of its age."""
    until = series["hour_utc"].max()
    known = articles[["article", "section", "published_at"]].dropna()
    known = known[known["published_at"] <= until - pd.Timedelta(hours=OLD_HOURS)]
    given = series.merge(known, on="article")
    given["age"] = (given["hour_utc"] - given["published_at"].dt.floor("h")) // pd.Timedelta(hours=1)
    young = given[given["age"].between(0, OLD_HOURS - 1)]
    each = young.pivot_table(index="age", columns="article", values="added", aggfunc="sum", fill_value=0)
    each = each.reindex(range(OLD_HOURS), fill_value=0)
    each = each.loc[:, each.sum() >= FEW]
    return each.cumsum() / each.sum()


def half_lives(shares: pd.DataFrame) -> pd.Series:
    """After how many hours each article had half of its week's reactions."""
    return (shares >= 0.5).idxmax() + 1


def divided(articles: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """The articles whose readers disagree most: half for, half against."""
    loud = articles[(articles["total"] >= FEW) & articles["merged_into"].isna()]
    return loud.nlargest(most, "split")[["title", "section", "total", "split", "split_low", "split_high"]]


def draw_moods(moods: pd.DataFrame, path: Path) -> None:
    """A point and its interval for each section."""
    figure, axes = plt.subplots(figsize=(8, 0.42 * len(moods) + 1.6), layout="constrained")
    axes.axvline(0, color=PALE, linewidth=1.5)
    axes.errorbar(moods["mood"], moods["section"], xerr=moods["error"], fmt="o", color=ACCENT, ecolor=ACCENT, capsize=3)
    axes.set(title="Mood by section", xlabel="mean mood of the votes, with its 95 % interval", xlim=(-1, 1))
    axes.grid(visible=False, axis="y")
    _save(figure, path)


def draw_day(hours: pd.DataFrame, path: Path, time_zone: str) -> None:
    """Two lines over the hours of a day."""
    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    for weekend, name, colour in ((False, "weekdays", ACCENT), (True, "weekends", OTHER)):
        axes.plot(hours.index, hours[weekend], color=colour, linewidth=2.2, label=name)
    axes.set(title="When readers react", xlabel=f"hour of the day, {time_zone}", ylabel="reactions given in an hour")
    axes.set_xticks(range(0, 24, 3), [f"{hour}:00" for hour in range(0, 24, 3)])
    axes.set(xlim=(0, 23), ylim=(0, None))
    axes.legend(frameon=False, loc="upper left")
    _save(figure, path)


def draw_growth(shares: pd.DataFrame, path: Path) -> None:
    """The middle article, the middle half of the articles, and when the middle one has half of its reactions."""
    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    low, middle, high = (np.concatenate([[0], shares.quantile(q, axis=1)]) for q in (0.25, 0.5, 0.75))
    ages, half = range(len(middle)), half_lives(shares).median()
    axes.fill_between(ages, low, high, color=ACCENT, alpha=0.16, linewidth=0, label="the middle half of the articles")
    axes.plot(ages, middle, color=ACCENT, linewidth=2.2, label="the middle article")
    axes.plot([half, half, 0], [0, 0.5, 0.5], color=OTHER, linestyle=(0, (4, 3)), linewidth=1.4)
    axes.annotate(f"half-life {half:.0f} hours", (half, 0.5), xytext=(9, -16), textcoords="offset points", color=OTHER)
    axes.set(
        title=f"How fast {shares.shape[1]} articles get their reactions",
        xlabel="hours since publication",
        xlim=(0, 72),
        ylim=(0, 1),
    )
    axes.set_ylabel("share of the first week's reactions")
    axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1))
    axes.set_xticks(range(0, 73, 12))
    axes.legend(frameon=False, loc="lower right")
    _save(figure, path)


def draw_divided(chosen: pd.DataFrame, path: Path) -> None:
    """A point and its interval for each of the most divided articles."""
    figure, axes = plt.subplots(figsize=(8, 0.42 * len(chosen) + 1.6), layout="constrained")
    chosen = chosen.iloc[::-1]
    names = [textwrap.shorten(title, 54, placeholder=" …") for title in chosen["title"]]
    errors = [chosen["split"] - chosen["split_low"], chosen["split_high"] - chosen["split"]]
    axes.errorbar(chosen["split"], range(len(names)), xerr=errors, fmt="o", color=OTHER, ecolor=OTHER, capsize=3)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="split, 1 is half for and half against", xlim=(0, 1.02))
    figure.suptitle("Which articles divide", x=0.02, ha="left", fontsize=13, fontweight="bold")
    axes.grid(visible=False, axis="y")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path)
    plt.close(figure)


def main(folder: Path, charts: Path) -> dict[str, Any]:
    """Answer the four questions, draw the charts and return the answers."""
    mpl.use("Agg")
    tables, site = load(folder)
    articles, series = tables["articles"], tables["series"]
    moods, hours = mood_by_section(folder, site), diurnal(series, site["time_zone"])
    shares, most_divided = growth(articles, series), divided(articles)
    charts.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        draw_moods(moods, charts / "mood-by-section.png")
        draw_day(hours, charts / "day.png", site["time_zone"])
        draw_growth(shares, charts / "half-life.png")
        draw_divided(most_divided, charts / "divided.png")
    return {"moods": moods, "hours": hours, "half_lives": half_lives(shares), "divided": most_divided, **tables}


if __name__ == "__main__":
    answers = main(Path(sys.argv[1]), Path(sys.argv[2]))
    for name in ("moods", "divided"):
        print(answers[name].to_string(index=False), end="\n\n")
    print(f"An article has half of its week's reactions after {answers['half_lives'].median():.0f} hours.")
