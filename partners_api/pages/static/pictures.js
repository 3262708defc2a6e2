// Says so where a picture could not be drawn; without a script its alternative text stands there.
for (const picture of document.querySelectorAll("figure.chart img")) {
  const sayAway = () => {
    const notice = document.createElement("p");
    notice.className = "notice";
    notice.setAttribute("role", "status");
    notice.textContent = picture.closest("figure").dataset.away;
    picture.closest("picture").replaceWith(notice);
  };
  if (picture.complete && !picture.naturalWidth) sayAway();
  else picture.addEventListener("error", sayAway, { once: true });
}
