// Makes one tree like another by changing only what differs, so that focus, scroll and selection stay where they are.

/** Make `now` like `next`. Elements with `data-keep` keep what scripts put into them; `open` stays as the reader left it. */
export function morph(now, next) {
  attributes(now, next)
  if ("keep" in now.dataset) return
  const keyed = new Map([...now.children].filter((child) => child.dataset?.key).map((child) => [child.dataset.key, child]))
  let place = now.firstChild
  for (const wanted of [...next.childNodes]) {
    const found = match(place, wanted, keyed)
    if (!found) {
      now.insertBefore(document.importNode(wanted, true), place)
      continue
    }
    if (found !== place) now.insertBefore(found, place)
    if (found.nodeType === Node.ELEMENT_NODE) morph(found, wanted)
    else if (found.data !== wanted.data) found.data = wanted.data
    place = found.nextSibling
  }
  while (place) {
    const surplus = place
    place = place.nextSibling
    surplus.remove()
  }
}

function match(place, wanted, keyed) {
  const key = wanted.dataset?.key
  if (key) return keyed.get(key)
  const same = place && place.nodeType === wanted.nodeType && place.nodeName === wanted.nodeName
  return same && !place.dataset?.key && (place.id ?? "") === (wanted.id ?? "") ? place : null
}

function attributes(now, next) {
  const own = "keep" in now.dataset
  for (const { name, value } of next.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value)
  for (const { name } of [...now.attributes]) if (!own && name !== "open" && !next.hasAttribute(name)) now.removeAttribute(name)
}
