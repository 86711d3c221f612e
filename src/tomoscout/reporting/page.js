document.querySelectorAll("input[data-hide]").forEach((box) => {
  box.onchange = () => document.body.classList.toggle(box.dataset.hide, !box.checked);
});
document.querySelectorAll(".zoom").forEach((button) => {
  button.onclick = () => button.parentElement.classList.toggle("wide");
});
