// Before anything is drawn: the theme that was chosen here, if one was. Otherwise the system's is used.
(() => {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
