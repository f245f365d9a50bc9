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
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(20_000) })
    if (answer.status === 401 || (answer.redirected && !sameView(answer.url))) return signedOut()
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
