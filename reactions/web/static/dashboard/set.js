// The preview of the reaction set: the real widget, which gets its answers from the form instead of the service.

const form = document.getElementById("set")
const stage = document.getElementById("stage")
const legend = document.getElementById("legend")
const code = document.getElementById("code")
const chosen = Object.fromEntries(["language", "icons", "accent", "radius", "results"].map((id) => [id, document.getElementById(id)]))
const SERVER = `${location.origin}/preview-of-the-set`
const GREY = "#75808c"
const SAMPLE = [128, 12, 64, 31, 17, 9, 42, 5]
const site = "preview"
const faceless = document.getElementById("faceless")
let mine = null
let drawn = null // the emoji of which the widget has a face, once they are known

// The widget asks by fetch; what it asks this server is answered here, and nothing leaves the page.
const goOut = window.fetch.bind(window)
window.fetch = async (input, options) => {
  const url = String(input)
  if (!url.startsWith(SERVER)) return goOut(input, options)
  if (url.startsWith(`${SERVER}/widget/`)) return goOut("/widget/v1.json")
  if (options?.method === "PUT") {
    const { article, reaction } = JSON.parse(options.body)
    mine = reaction
    return answer({ article, reaction, ...counted() })
  }
  return answer({ article: new URL(url).searchParams.get("article"), open: true, total: counted().total, reactions: reactions() })
}

const answer = (body) => new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } })

const field = (name) => form.elements[name]?.value.trim() ?? ""

function rows() {
  const keys = [...form.querySelectorAll(".entry")].map((row) => row.dataset.key)
  const wanted = keys.filter((key) => !form.elements[`retired.${key}`]?.checked && (key !== ".new" || field("emoji..new")))
  const place = (key) => Number.parseFloat(field(`order.${key}`)) || Infinity
  return wanted.map((key, at) => [place(key), at, key]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , key]) => key)
}

function label(key) {
  const inputs = [...form.querySelectorAll(`[name^="label.${key}."]`)].filter((input) => input.value.trim())
  for (let tag = chosen.language.value.toLowerCase(); tag; tag = tag.split("-").slice(0, -1).join("-")) {
    const found = inputs.find((input) => input.lang.toLowerCase() === tag)
    if (found) return found.value.trim()
  }
  return inputs[0]?.value.trim() ?? key
}

const number = (key, at) => SAMPLE[at % SAMPLE.length] + (key === mine ? 1 : 0)

const reactions = () => rows().map((key, at) => ({ key, label: label(key), emoji: field(`emoji.${key}`), ...drawnAs(key), count: number(key, at) }))

const drawnAs = (key) => (form.elements[`icon.${key}`].checked ? { icon: "emoji" } : {})

function counted() {
  const counts = Object.fromEntries(rows().map((key, at) => [key, number(key, at)]))
  return { total: Object.values(counts).reduce((sum, n) => sum + n, 0), counts }
}

function draw() {
  const view = document.createElement("reader-reactions")
  const attributes = { site, article: `preview-${Date.now()}`, server: SERVER, lang: chosen.language.value }
  for (const name of ["icons", "results"]) if (chosen[name].value) attributes[name] = chosen[name].value
  for (const [name, value] of Object.entries(attributes)) view.setAttribute(name, value)
  const style = { "--reactions-accent": chosen.accent.value, ...(chosen.radius.value && { "--reactions-radius": chosen.radius.value }) }
  for (const [name, value] of Object.entries(style)) view.style.setProperty(name, value)
  mine = null
  stage.replaceChildren(view)
  legend.replaceChildren(...rows().map(swatch))
  nameFaceless()
  const more = Object.entries(attributes).filter(([name]) => name === "icons" || name === "results")
  const rules = Object.entries(style).map(([name, value]) => `  ${name}: ${value};\n`).join("")
  const tag = more.map(([name, value]) => ` ${name}="${value}"`).join("")
  code.textContent = `<reader-reactions site="${document.querySelector(".set").dataset.site}" article="…"${tag}></reader-reactions>\n\n` +
    `reader-reactions {\n${rules}}`
}

const painted = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

function colour(key) {
  const { value, dataset } = form.elements[`colour.${key}`]
  const standard = dataset.paint && !dataset.paint.startsWith("paint-") ? painted(dataset.paint) : GREY
  return form.elements[`coloured.${key}`].checked ? value : standard
}

function swatch(key) {
  const item = document.createElement("li")
  const box = document.createElement("span")
  box.className = "swatch"
  box.style.setProperty("--c", colour(key))
  item.append(box, label(key))
  return item
}

/** The emoji of which the widget has a face of its own. */
async function suggestFaces() {
  drawn = Object.keys((await (await goOut("/widget/v1.json")).json()).faces)
  const options = drawn.map((face) => Object.assign(document.createElement("option"), { value: face }))
  document.getElementById("faces").replaceChildren(...options)
  nameFaceless()
}

/** Where the widget draws its own faces, which reactions the system draws beside them. */
function nameFaceless() {
  const without = rows().filter((key) => drawn && !drawn.includes(field(`emoji.${key}`).replace("\uFE0F", "")))
  faceless.hidden = chosen.icons.value !== "" || !without.length
  faceless.querySelector("span").textContent = without.map((key) => `${field(`emoji.${key}`)} ${label(key)}`).join(", ")
}

/** A colour that is picked is meant: its box ticks itself. */
function pickColours() {
  for (const picker of form.querySelectorAll("input[type=color]")) {
    const key = picker.name.slice("colour.".length)
    if (!form.elements[`coloured.${key}`].checked) picker.value = colour(key)
    picker.addEventListener("input", () => (form.elements[`coloured.${key}`].checked = true))
  }
}

/** The two buttons that move a row; the places are numbers in the form, so they work without these too. */
function addMovers() {
  const { up, down } = document.querySelector(".set").dataset
  for (const row of form.querySelectorAll(".entries:first-of-type > .entry")) {
    if (row.dataset.key === ".new") continue
    const movers = document.createElement("span")
    movers.className = "movers"
    for (const [sign, words, step] of [["▲", up, -1], ["▼", down, 1]]) {
      const button = document.createElement("button")
      Object.assign(button, { type: "button", textContent: sign, ariaLabel: `${words}: ${label(row.dataset.key)}` })
      button.addEventListener("click", () => move(row, step, button))
      movers.append(button)
    }
    row.querySelector(".place").after(movers)
  }
}

function move(row, step, button) {
  const other = step < 0 ? row.previousElementSibling : row.nextElementSibling
  if (!other) return
  step < 0 ? other.before(row) : other.after(row)
  let place = 1
  for (const { dataset } of row.parentElement.children) form.elements[`order.${dataset.key}`].value = place++
  button.focus()
  draw()
}

let soon = 0
const later = () => {
  clearTimeout(soon)
  soon = setTimeout(draw, 150)
}

document.getElementById("no-preview").hidden = true
document.getElementById("look").hidden = false
addMovers()
pickColours()
suggestFaces()
form.addEventListener("input", later)
for (const input of Object.values(chosen)) input.addEventListener("input", later)
customElements.whenDefined("reader-reactions").then(draw)
