// Tables with data-sortable sort by a click on a heading; without this file they are tables all the same.
const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

function keyOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort ?? cell.textContent.trim();
}

function compare(one, other, kind) {
  if (kind !== "number") return collator.compare(one, other);
  const [a, b] = [Number.parseFloat(one), Number.parseFloat(other)];
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return a - b;
}

function sort(table, heading) {
  const isDescending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [keyOf(row, heading.cellIndex), row]);
  const isMissing = ([key]) => heading.dataset.kind === "number" && Number.isNaN(Number.parseFloat(key));
  // What nobody knows stays at the end, whichever way round.
  const known = rows.filter((each) => !isMissing(each));
  known.sort((a, b) => compare(a[0], b[0], heading.dataset.kind) * (isDescending ? -1 : 1));
  body.append(...[...known, ...rows.filter(isMissing)].map(([, row]) => row));
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = table.dataset.sortable;
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, heading));
    heading.append(button);
  }
}
