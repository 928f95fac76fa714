// The page's two languages: the browser's preference, unless another one was chosen here.
import { en } from "./strings/en.js";
import { ko } from "./strings/ko.js";

const all = { en, ko };
const chosen = localStorage.getItem("language");

export const language = all[chosen] ? chosen : all[document.documentElement.lang] ? document.documentElement.lang : "en";
document.documentElement.lang = language;

// t is a text in the page's language. {name} stands for a value.
export function t(key, values = {}) {
  const text = all[language][key];
  if (text === undefined) throw new Error(`no text for ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

// has tells whether there is a text, for keys that come with data.
export function has(key) {
  return all[language][key] !== undefined;
}

export function choose(other) {
  localStorage.setItem("language", other);
  location.reload();
}
