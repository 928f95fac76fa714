// The page's two languages: the browser's preference, unless another one was chosen here.
import { en } from "./strings/en.js";
import { ko } from "./strings/ko.js";

const all = { en, ko };
const chosen = localStorage.getItem("language");

export const language = all[chosen] ? chosen : all[document.documentElement.lang] ? document.documentElement.lang : "en";
document.documentElement.lang = language;

// t is a text in the page's language. {name} stands for a value. A key that came with data and has no text is told as it came,
// without the kind of word that it is: parked.fire is "fire".
export function t(key, values = {}) {
  const text = all[language][key] ?? key.slice(key.indexOf(".") + 1);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

// has tells whether there is a text, for keys that come with data and say more than the word itself.
export function has(key) {
  return all[language][key] !== undefined;
}

export function choose(other) {
  localStorage.setItem("language", other);
  location.reload();
}
