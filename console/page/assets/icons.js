// Icons: 20 by 20, drawn with a line.
import { s } from "./dom.js";

const paths = {
  inbox: "M3 11l2.2-6.3A1 1 0 0 1 6.1 4h7.8a1 1 0 0 1 .9.7L17 11v4a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1zM3 11h4l1 2h4l1-2h4",
  messages: "M4 5h12M4 10h12M4 15h8",
  compose: "M3 10L17 3l-4 14-3.5-5.5zM9.5 11.500L17 3",
  campaigns: "M3 8.500v3h2.500l7 4V4.500l-7 4zM6 11.500l1 4.500h2l-1-3.500M15 8a2.500 2.500 0 0 1 0 4",
  events: "M11 2L4 11h5l-1 7 7-9h-5z",
  faults: "M10 3l8 14H2zM10 8v4M10 14.500v.5",
  overview: "M4 16V9M8 16V4M12 16v-6M16 16V7",
  operations: "M4 6h12M4 10h12M4 14h12M7 4v4M13 8v4M9 12v4",
  docs: "M5 3h7l3 3v11H5zM12 3v3h3M7.500 10h5M7.500 13h5",
  search: "M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3zM13.500 13.500L17 17",
  back: "M12 4l-6 6 6 6",
  next: "M8 4l6 6-6 6",
  copy: "M7 7h9v9H7zM4 13V4h9",
  check: "M4 10.500l4 4 8-9",
  cross: "M5 5l10 10M15 5L5 15",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6v4l3 2",
  dots: "M5 10h.01M10 10h.01M15 10h.01",
  question: "M7.500 7.500a2.500 2.500 0 1 1 3.500 2.300c-.7.3-1 .8-1 1.700M10 14.500v.01",
  pause: "M7 5v10M13 5v10",
  split: "M10 3v5M10 8l-5 4v5M10 8l5 4v5",
  bolt: "M11 2L4 11h5l-1 7 7-9h-5z",
  flag: "M5 17V3M5 4h9l-2 3 2 3H5",
  plus: "M10 4v12M4 10h12",
  trash: "M4 6h12M8 6V4h4v2M6 6l.700 10h6.600L14 6",
  moon: "M15.500 12.500A6.500 6.500 0 0 1 7.500 4.500a6.500 6.500 0 1 0 8 8z",
  sun: "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100",
  auto: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  phone: "M6 2h8a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1zM9 15.500h2",
  image: "M3 5h14v10H3zM3 13l4-4 3 3 2-2 5 4",
};

export function icon(name) {
  return s("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" }, s("path", { d: paths[name] }));
}
