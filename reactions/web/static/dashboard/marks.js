// The marks of a chart: a dashed line for each thing that was done to an article, and words over it that never lie on others.
// What was done within a short time shares its words, with the times: "Closed, reopened 14:02–14:10". The list below the chart
// says each on its own, for those who read and for those who listen.

const LINE_PX = 15 // of text
const STEM_PX = 10 // a line's length above the plot
const ROOM_PX = 10 // around words
const MOST_ROWS = 3
const MOST_WORDS = 3 // that are joined; of more, the first and the last are said
const DAY_S = 86_400

/** The marks of a figure, as they come from the server: when (UTC seconds) and what. */
export const marksOf = (figure) => JSON.parse(figure.dataset.marks ?? "[]")

/** The words over the marks where these stand at some places in a plot of some width, all in CSS pixels.
 *
 * Each label has the marks it stands for, its text, its left edge, its width and its row from the plot upwards. Marks that
 * have no room for words of their own are joined with those before them, more and more of them until the rows are few.
 */
export function labelled(marks, { width, wide, written }) {
  let labels = []
  for (let gap = 8; gap < 2 * Math.max(width, 8); gap *= 1.5) {
    labels = joined(marks, gap).map((group) => placed(group, { width, wide, written }))
    if (stacked(labels) <= MOST_ROWS) break
  }
  return labels
}

function joined(marks, gap) {
  const groups = []
  for (const mark of marks) {
    const last = groups.at(-1)
    if (last && mark.x - last.at(-1).x < gap) last.push(mark)
    else groups.push([mark])
  }
  return groups
}

function placed(group, { width, wide, written }) {
  const first = group[0].x
  const isRight = (text) => first + 5 + wide(text) <= width
  const texts = written(group)
  const text = texts.find((each) => isRight(each) || first - 5 - wide(each) >= 0) ?? texts.at(-1) // beside its marks, not on them
  const left = isRight(text) ? first + 5 : Math.max(first - 5 - wide(text), 0)
  return { marks: group, text, left, width: wide(text), row: 0 }
}

/** Give each label the lowest row where it has room; return how many rows there are. */
function stacked(labels) {
  const rows = []
  for (const label of labels) {
    const isFree = (row) => row.every((other) => label.left >= other.left + other.width + ROOM_PX || other.left >= label.left + label.width + ROOM_PX)
    label.row = rows.findIndex(isFree)
    if (label.row < 0) label.row = rows.push([]) - 1
    rows[label.row].push(label)
  }
  return rows.length
}

/** What to write of marks, the longest first: what was done and when, what first and last, and when alone. */
export function writtenIn(language, timeZone) {
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone })
  const date = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone })
  return (group) => {
    const words = group.map(({ what }) => what).filter((what, place, all) => what !== all[place - 1])
    const first = words[0].charAt(0).toLocaleUpperCase(language) + words[0].slice(1)
    if (group.length === 1) return [first]
    const [from, to] = [group[0].at, group.at(-1).at]
    const form = to - from < DAY_S ? clock : date
    const [begin, end] = [from, to].map((at) => form.format(new Date(at * 1000)))
    const times = begin === end ? begin : `${begin}–${end}`
    const every = [first, ...words.slice(1)].join(", ")
    const ends = words.length > 1 ? `${first} … ${words.at(-1)}` : first
    return [...(words.length > MOST_WORDS ? [] : [`${every} ${times}`]), `${ends} ${times}`, times]
  }
}

/** How much room the words need above the plot, CSS pixels. */
export const roomFor = (labels) => (labels.length ? 21 + LINE_PX * Math.max(...labels.map(({ row }) => row)) : 10)

/** Draw lines, then words on a ground of their own, so that no line runs through a word. Places are relative to the plot. */
export function drawn(u, labels, { ink, paper, font }) {
  const { ctx, bbox } = u
  const ratio = devicePixelRatio
  const over = (row) => bbox.top - (6 + LINE_PX * row) * ratio
  ctx.save()
  ctx.beginPath()
  for (const { marks, row } of labels) {
    for (const { x } of marks) {
      const at = Math.round(bbox.left + x * ratio) + 0.5
      ctx.moveTo(at, over(row) - STEM_PX * ratio)
      ctx.lineTo(at, bbox.top + bbox.height)
    }
  }
  Object.assign(ctx, { strokeStyle: ink, lineWidth: ratio })
  ctx.setLineDash([3 * ratio, 3 * ratio])
  ctx.stroke()
  Object.assign(ctx, { font: font.replace(/^[\d.]+/, (px) => px * ratio), textAlign: "left" })
  for (const { text, left, width, row } of labels) {
    const x = bbox.left + left * ratio
    ctx.fillStyle = paper
    ctx.fillRect(x - 2 * ratio, over(row) - 11 * ratio, (width + 4) * ratio, (LINE_PX - 1) * ratio)
    ctx.fillStyle = ink
    ctx.fillText(text, x, over(row))
  }
  ctx.restore()
}
