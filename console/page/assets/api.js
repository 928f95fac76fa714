// Calls to this server.
import { said } from "./details.js";
import { has, t } from "./i18n.js";

const prefix = "urn:sms-api:problem:";

// Problem is an answer that is no success, as a problem document says it.
export class Problem extends Error {
  constructor(status, body) {
    // The type is what does not change, and the page has words for it in both languages. What the answer says besides is English.
    const type = (body.type ?? "").replace(prefix, "");
    const words = has(`problem.${type}`);
    const right = body.right && has(`problem.${type}.right`) ? t(`problem.${type}.right`, { right: body.right }) : "";
    const about = right || (has(`problem.${type}.text`) ? t(`problem.${type}.text`) : "");
    super(about || said(body.detail) || (words ? t(`problem.${type}`) : body.title) || body.error || t("error.status", { status }));
    this.status = status;
    this.type = type;
    this.title = words ? t(`problem.${type}`) : body.title ?? "";
    // What the page's words leave out.
    this.more = about && !right && body.detail ? said(body.detail) : "";
    this.errors = (body.errors ?? []).map((e) => ({ ...e, detail: said(e.detail) }));
  }
}

// call makes a request and gives the answer's JSON (undefined without a body), status and headers.
export async function call(method, path, { body, headers, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(t("error.offline"), { cause: error });
  }
  if (response.status === 304) return { status: 304 };
  const text = await response.text();
  let json;
  try {
    json = text ? JSON.parse(text) : undefined;
  } catch {
    json = undefined;
  }
  if (!response.ok) throw new Problem(response.status, json ?? {});
  return { json, status: response.status, headers: response.headers };
}

export async function get(path, signal) {
  return (await call("GET", path, { signal })).json;
}

// reader gives a function that reads a path as get does, for what is read again and again: what has not changed since is not sent
// again, and is the same object.
export function reader(signal) {
  const known = new Map();
  return async (path) => {
    const last = known.get(path);
    const answer = await call("GET", path, { signal, headers: last ? { "If-None-Match": last.tag } : {} });
    if (answer.status === 304) return last.json;
    if (answer.headers.has("ETag")) known.set(path, { tag: answer.headers.get("ETag"), json: answer.json });
    return answer.json;
  };
}

// query makes a query string of what is not empty.
export function query(values) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value) q.set(name, value);
  const text = q.toString();
  return text ? `?${text}` : "";
}
