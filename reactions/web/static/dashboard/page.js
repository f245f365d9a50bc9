// Keeps the page up to date while it is looked at: fetches the same page again and puts its figures into this one.

import { draw, redraw } from "./charts.js"
import { morph } from "./morph.js"

const EVERY_MS = 30_000
const live = document.querySelector("[data-live]")
const fresh = document.getElementById("fresh")
const freshness = document.getElementById("freshness")
const alarm = document.getElementById("alarm")
const pause = document.getElementById("pause")

let paused = false
let updatedAt = Date.now()
let timer = 0

draw()
document.querySelector(".periods [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" })
for (const media of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "print"]) matchMedia(media).addEventListener("change", redraw)

// Filters are found while they are typed: the page of the new view takes this one's place.

const search = document.querySelector("[data-search]")
let typed = 0

search?.addEventListener("input", ({ target }) => {
  clearTimeout(typed)
  const whole = target.type === "search" || target.value === "" || [...(target.list?.options ?? [])].some((option) => option.value === target.value)
  if (live && whole && target.type !== "date") typed = setTimeout(find, 300)
})
search?.addEventListener("submit", () => {
  for (const field of search.elements) if (field.name && field.value === "") field.disabled = true // addresses hold only what is set
})
addEventListener("pageshow", () => {
  for (const field of search?.elements ?? []) field.disabled = false
})

// Where a site has more names than the page suggests, those with what is typed are fetched; without this the field is plain text.
search?.addEventListener("input", async ({ target }) => {
  if (!target.list?.dataset.more || target.value.length < 2) return
  const asked = target.value
  const answer = await fetch(`${target.list.dataset.more}?q=${encodeURIComponent(asked)}`).catch(() => null)
  if (!answer?.ok || target.value !== asked) return
  target.list.replaceChildren(...(await answer.json()).map((name) => new Option("", name)))
})

function find() {
  const address = new URL(search.action)
  for (const [name, value] of new FormData(search)) if (value.trim()) address.searchParams.set(name, value)
  if (address.searchParams.has("from")) address.searchParams.delete("period")
  history.replaceState(null, "", address)
  clearTimeout(timer)
  refresh()
}

if (live) {
  const words = [pause.textContent, pause.dataset.resume]
  pause.hidden = false
  pause.addEventListener("click", () => {
    paused = !paused
    pause.textContent = words[Number(paused)]
    fresh.classList.toggle("stale", paused)
    plan(paused ? Infinity : 0)
  })
  document.addEventListener("visibilitychange", () => plan(document.hidden ? Infinity : EVERY_MS - (Date.now() - updatedAt)))
  plan(EVERY_MS)
}

function plan(inMs) {
  clearTimeout(timer)
  if (!paused && !document.hidden && inMs !== Infinity) timer = setTimeout(refresh, Math.max(0, inMs))
}

async function refresh() {
  const asked = location.href
  try {
    const answer = await fetch(asked, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(20_000) })
    if (answer.status === 401 || (answer.redirected && !sameView(answer.url))) return signedOut()
    if (asked !== location.href) return // another view was asked for meanwhile
    if (!answer.ok) throw new Error(`${answer.status}`)
    show(new DOMParser().parseFromString(await answer.text(), "text/html"))
    said("")
  } catch {
    said(fresh.dataset.failed)
  }
  plan(EVERY_MS)
}

const sameView = (url) => new URL(url).pathname === location.pathname

function show(next) {
  const figures = next.querySelector("[data-live]")
  if (!figures) throw new Error("not this page")
  morph(live, figures)
  morph(freshness, next.getElementById("freshness"))
  updatedAt = Date.now()
  draw(live)
}

function said(text) {
  fresh.classList.toggle("stale", text !== "")
  if (alarm.textContent !== text) alarm.textContent = text
}

function signedOut() {
  said(`${fresh.dataset.signedOut} `)
  const link = document.createElement("a")
  link.href = location.href
  link.textContent = fresh.dataset.signIn
  alarm.append(link)
}
