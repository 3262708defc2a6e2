// A map to move and zoom in the place of the picture; without it the picture and the table say the same.
const figure = document.querySelector("figure.map");
const answer = figure && globalThis.L ? await fetch(figure.dataset.places) : null;

if (answer?.ok) {
  const { features } = await answer.json();
  const frame = document.createElement("div");
  frame.className = "map-moving";
  figure.prepend(frame);

  const map = L.map(frame, { zoomControl: false, zoomSnap: 0.25 });
  map.attributionControl.setPrefix(false);
  const { zoomIn, zoomOut, tiles, credit } = figure.dataset;
  L.control.zoom({ zoomInTitle: zoomIn, zoomOutTitle: zoomOut }).addTo(map);
  if (tiles) {
    const text = document.createElement("span");
    text.textContent = credit;
    L.tileLayer(tiles, { attribution: text.innerHTML, maxZoom: 19 }).addTo(map);
  }

  const borders = features.filter(({ properties }) => !properties.site);
  // Drawn last, the greatest lie on top.
  const sites = features.filter(({ properties }) => properties.site).reverse();
  L.geoJSON(borders, { style: { className: "border" }, interactive: false }).addTo(map);
  const marks = L.geoJSON(sites, { pointToLayer: drawMark }).addTo(map);
  map.fitBounds(marks.getBounds().pad(0.05), { animate: false });
  figure.querySelector(".map-picture").setAttribute("hidden", "");
}

function drawMark({ properties }, place) {
  const radius = properties.bins ? 4 + 1.5 * (properties.grade ?? 0) : 2.5;
  const mark = L.circleMarker(place, { radius, className: `mark ${properties.style}` });
  return mark.bindPopup(() => describe(properties));
}

function describe({ site, address, commune, words }) {
  const box = document.createElement("div");
  const name = document.createElement("strong");
  name.textContent = site;
  const value = document.createElement("p");
  value.textContent = words;
  const where = document.createElement("div");
  where.textContent = [address, commune].filter(Boolean).join(", ");
  box.append(name, value, where);
  return box;
}
