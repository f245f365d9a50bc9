// Draws each figure's chart from the table inside it, so that the table is all there is to keep right.

import { drawn, labelled, marksOf, roomFor, writtenIn } from "./marks.js"

const HEIGHT = 280
const NARROW_PX = 5 // a bar that has less is drawn without the line around it, which would be all that is left of it
const charts = new WeakMap() // figure -> what is on it

const css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim()
const number = (cell) => (cell.dataset.n === undefined ? null : Number(cell.dataset.n))
const language = () => document.documentElement.lang

/** Draw the charts of a part of the page, or draw them anew where their tables changed. */
export function draw(root = document) {
  document.documentElement.classList.add("charted")
  for (const figure of root.querySelectorAll("figure[data-chart]")) {
    const table = figure.querySelector("table.figures")
    const was = charts.get(figure)
    const text = table.textContent + (figure.dataset.marks ?? "")
    if (was?.text === text && was.chart.root.isConnected) continue
    was?.chart.destroy()
    const chart = figure.dataset.chart === "bands" ? bands(figure, table) : peers(figure, table)
    charts.set(figure, { chart, text })
    follow(figure)
  }
}

/** Draw everything anew: the colours changed. */
export function redraw() {
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const was = charts.get(figure)
    if (was) was.text = null
  }
  draw()
}

const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const chart = charts.get(target.parentElement)?.chart
    if (chart && contentRect.width && contentRect.width !== chart.width) chart.setSize({ width: contentRect.width, height: HEIGHT })
  }
})

function follow(figure) {
  sizes.observe(plotOf(figure))
}

const plotOf = (figure) => figure.querySelector(".plot")
const rowsOf = (table) => [...table.tBodies[0].rows]
const fontOf = (element) => `12px ${css(element, "--text")}`

function axis(figure, own) {
  const faint = css(figure, "--faint")
  return { stroke: faint, font: fontOf(figure), grid: { stroke: css(figure, "--hair"), width: 1 }, ticks: { show: false }, ...own }
}

// Bars by reaction: what pleased is stacked upwards, what hurt downwards.

function bands(figure, table) {
  const rows = rowsOf(table)
  const heads = [...table.tHead.rows[0].cells]
  const columns = heads.map((head, place) => ({ head, place })).filter(({ head }) => head.dataset.key)
  const up = columns.filter(({ head }) => head.dataset.mood !== "-1").sort((a, b) => b.head.dataset.mood - a.head.dataset.mood)
  const down = columns.filter(({ head }) => head.dataset.mood === "-1")
  const values = ({ place }) => rows.map((row) => number(row.cells[place]))
  const starts = startsOf(rows, figure.dataset.unit)
  const at = middlesOf(starts, Number(figure.dataset.end)) // a bar stands over the middle of its bucket, and so does its label
  const outline = outlineOf(heads, rows)
  const width = plotOf(figure).clientWidth || 600
  const narrow = width / rows.length < NARROW_PX
  // The longest bar is drawn first and the shorter ones over it.
  const piles = [...piled(up, values, 1).reverse(), ...piled(down, values, -1).reverse()]
  const series = piles.map(({ head, sign }) => ({
    label: head.textContent,
    fill: css(figure, `--${head.dataset.paint}`),
    stroke: css(figure, "--paper"),
    width: narrow ? 0 : 1,
    paths: uPlot.paths.bars({ size: [0.86, 96], align: 0 }),
    points: { show: false },
    sign,
  }))
  const chart = new uPlot(
    {
      width,
      height: HEIGHT,
      padding: [(u) => roomFor(labelsOf(figure, starts, u.width || width)), SIDES[1], 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { range: () => [starts[0], Number(figure.dataset.end)] },
        y: { range: (_, low, high) => [Math.min(low ?? 0, 0, ...outline.down) * 1.04, Math.max(high ?? 0, 4, ...outline.up) * 1.04] },
      },
      axes: [
        axis(figure, { grid: { show: false }, size: 34, ...ticksOf(starts, at, figure.dataset.unit, figure.dataset.zone) }),
        axis(figure, { size: SIDES[0], space: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5], values: (_, ticks) => ticks.map((tick) => Math.abs(tick).toLocaleString(language())) }),
      ],
      series: [{}, ...series],
      hooks: { draw: [(u) => ground(u, figure), (u) => outlined(u, figure, starts, outline, narrow), (u) => marks(u, figure, starts)], setCursor: [(u) => tell(u, figure, rows, columns)] },
    },
    [at, ...piles.map((pile) => pile.sums)],
    plotOf(figure),
  )
  readable(chart, figure, rows, columns)
  return chart
}

const SECONDS = { hour: 3600, day: 86_400, week: 604_800 }

/** When the buckets start. The first may be cut short by what is shown: it is drawn as if it were whole. */
function startsOf(rows, unit) {
  const at = rows.map((row) => Number(row.cells[0].dataset.at))
  if (at.length > 1) at[0] = Math.min(at[0], at[1] - SECONDS[unit])
  return at
}

function piled(columns, values, sign) {
  let below = []
  return columns.map((column) => {
    const sums = values(column).map((n, place) => (below[place] ?? 0) + sign * n)
    below = sums
    return { head: column.head, sign, sums }
  })
}

/** The middles of the buckets; the last ends with the axis, or where one of its length would. */
function middlesOf(starts, end) {
  const length = starts.length > 1 ? starts.at(-1) - starts.at(-2) : end - starts[0]
  return starts.map((start, place) => (start + (starts[place + 1] ?? Math.min(end, start + length))) / 2)
}

// What the period before had is an outline over the bars, above the line and below it.

function outlineOf(heads, rows) {
  const column = (sign) => {
    const place = heads.findIndex((head) => head.dataset.before === sign)
    return place < 0 ? [] : rows.map((row) => Number(sign) * (number(row.cells[place]) ?? 0))
  }
  return { up: column("1"), down: column("-1") }
}

function outlined(u, figure, starts, { up, down }, narrow) {
  const end = Number(figure.dataset.end)
  for (const values of [up, down.some(Boolean) ? down : []]) {
    const points = values.flatMap((value, place) => {
      const y = u.valToPos(value, "y", true)
      return [starts[place], starts[place + 1] ?? end].map((x) => [u.valToPos(x, "x", true), y])
    })
    if (!narrow) stroke(u, css(figure, "--paper"), points, [], 3)
    stroke(u, css(figure, "--ink"), points, [2 * devicePixelRatio, 2 * devicePixelRatio], narrow ? 1 : 1.5)
  }
}

// Ticks stand under the bars, under as many as there is room for: every third hour, midnights, every seventh day.

const TICK_PX = 60

function ticksOf(starts, at, unit, zone) {
  const local = starts.map((seconds) => uPlot.tzDate(new Date(seconds * 1000), zone))
  const places = at.map((_, place) => place)
  const hours = unit === "hour" ? [1, 3, 6, 12].map((step) => places.filter((place) => local[place].getHours() % step === 0)) : []
  const days = places.filter((place) => unit !== "hour" || local[place].getHours() === 0)
  const levels = [...hours, ...[1, 2, 7, 14, 28].map((step) => days.filter((_, nth) => nth % step === 0))]
  const written = (options) => (place) => new Intl.DateTimeFormat(language(), options).format(local[place])
  const date = written({ day: "numeric", month: "short" })
  const weekday = written({ weekday: "short", day: "numeric" })
  const text = (place) => {
    if (unit === "hour" && local[place].getHours()) return `${String(local[place].getHours()).padStart(2, "0")}:00`
    return days.length > 9 ? date(place) : weekday(place)
  }
  return {
    splits: (u) => (levels.find((level) => level.length * TICK_PX <= u.bbox.width / devicePixelRatio) ?? levels.at(-1)).map((place) => at[place]),
    filter: (_, splits) => splits,
    values: (_, splits) => splits.map((split) => text(at.indexOf(split))),
  }
}

function ground(u, figure) {
  const y = Math.round(u.valToPos(0, "y", true)) + 0.5
  stroke(u, css(figure, "--faint"), [[u.bbox.left, y], [u.bbox.left + u.bbox.width, y]])
}

const SIDES = [44, 18] // the room of the axis and at the end, where half a label may stand, CSS pixels

/** The words over the marks of a chart of some width, CSS pixels. */
function labelsOf(figure, starts, chartWidth) {
  const ctx = document.createElement("canvas").getContext("2d")
  ctx.font = fontOf(figure)
  const width = chartWidth - SIDES[0] - SIDES[1]
  const span = Number(figure.dataset.end) - starts[0]
  const marks = marksOf(figure).map((mark) => ({ ...mark, x: (width * (mark.at - starts[0])) / span }))
  return labelled(marks, { width, wide: (text) => ctx.measureText(text).width, written: writtenIn(language(), figure.dataset.zone) })
}

function marks(u, figure, starts) {
  drawn(u, labelsOf(figure, starts, u.width), { ink: css(figure, "--ink"), paper: css(figure, "--paper"), font: fontOf(figure) })
}

function stroke(u, colour, points, dash = [], width = 1) {
  u.ctx.save()
  u.ctx.strokeStyle = colour
  u.ctx.lineWidth = width * devicePixelRatio
  u.ctx.setLineDash(dash)
  u.ctx.beginPath()
  points.forEach(([x, y], place) => (place ? u.ctx.lineTo(x, y) : u.ctx.moveTo(x, y)))
  u.ctx.stroke()
  u.ctx.restore()
}

// Compared with its peers: this article's curve, their median, and the middle half of them.

function peers(figure, table) {
  const rows = rowsOf(table)
  const [own, median, low, high] = [1, 2, 3, 4].map((place) => rows.map((row) => number(row.cells[place])))
  const at = rows.map((row) => Number(row.cells[0].dataset.at))
  const hidden = { stroke: "transparent", points: { show: false } }
  const dots = (colour) => ({ show: true, size: 6, fill: colour, stroke: colour })
  const chart = new uPlot(
    {
      width: plotOf(figure).clientWidth || 600,
      height: HEIGHT,
      padding: [8, 26, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: false, distr: 3, range: [at[0], Math.max(at.at(-1), at[0] + 1)] }, y: { range: (_, __, most) => [0, Math.max(most, 4) * 1.05] } },
      axes: [
        axis(figure, { size: 34, splits: () => at, filter: (_, splits) => splits, values: (u) => spaced(u, at, rows.map((row) => row.cells[0].textContent)), grid: { show: false } }),
        axis(figure, { size: 44, space: 36 }),
      ],
      series: [
        {},
        { ...hidden, label: "high" },
        { ...hidden, label: "low" },
        { label: "median", stroke: css(figure, "--faint"), width: 2, dash: [5, 5], points: { show: false } },
        { label: "own", stroke: css(figure, "--accent"), width: 2.5, points: dots(css(figure, "--accent")) },
      ],
      bands: [{ series: [1, 2], fill: css(figure, "--hair") }],
      hooks: { setCursor: [(u) => tell(u, figure, rows)] },
    },
    [at, high, low, median, own],
    plotOf(figure),
  )
  readable(chart, figure, rows)
  return chart
}

/** The labels that have room beside the last one shown; the others are left out. */
function spaced(u, at, labels) {
  let end = -Infinity
  return labels.map((label, place) => {
    const middle = u.valToPos(at[place], "x")
    const half = label.length * 3.5
    if (middle - half < end + 4) return ""
    end = middle + half
    return label
  })
}

// Reading a chart with the pointer, or with the arrow keys.

function tell(u, figure, rows) {
  const row = rows[u.cursor.idx]
  figure.querySelector(".readout").textContent = row && u.cursor.left >= 0 ? sentence(row) : ""
}

function sentence(row) {
  const heads = [...row.closest("table").tHead.rows[0].cells]
  const named = [...row.cells].map((cell, place) => ({ name: heads[place].textContent, text: cell.textContent.trim(), head: heads[place].dataset }))
  const always = row.closest("figure").dataset.chart === "peers"
  const parts = named.slice(1).filter(({ head, text }) => (head.key && (always || text !== "0")) || head.before).map(({ name, text }) => `${name} ${text}`)
  const given = named.find(({ head }) => head.sum === "given")
  return [named[0].text, ...(given ? [`${given.text} ${row.closest("figure").dataset.given}`] : []), ...parts].join(" · ")
}

function readable(chart, figure, rows) {
  const plot = plotOf(figure)
  plot.tabIndex = 0
  plot.role = "slider"
  plot.ariaLabel = figure.querySelector("figcaption").textContent.trim()
  const stand = (place) => {
    const last = rows.length - 1
    const now = Math.min(last, Math.max(0, place))
    chart.setCursor({ left: chart.valToPos(chart.data[0][now], "x"), top: 0 })
    Object.assign(plot, valued(rows, now))
    return now
  }
  const known = rows.findLastIndex((row) => "n" in row.cells[1].dataset) // what comes after it is still to come
  let place = known
  Object.assign(plot, valued(rows, place))
  plot.onkeydown = (event) => {
    const to = { ArrowLeft: place - 1, ArrowRight: place + 1, ArrowDown: place - 1, ArrowUp: place + 1, Home: 0, End: known }[event.key]
    if (to === undefined) return
    event.preventDefault()
    place = stand(to)
  }
  plot.onblur = () => chart.setCursor({ left: -10, top: -10 })
}

const valued = (rows, place) => ({
  ariaValueMin: "0", ariaValueMax: String(rows.length - 1), ariaValueNow: String(place), ariaValueText: sentence(rows[place]),
})
