// What the page knows of the system around it, as its document says it.

const { parts: names, system } = document.documentElement.dataset;
const parts = names.split(" ");

// systemName is local, or the name of a stack.
export const systemName = system;

// part tells whether the system has a part of the page that not every system has: phones, events, faults, compose, local.
export const part = (name) => parts.includes(name);
