// Calls to this server.
import { t } from "./i18n.js";

// Problem is an answer that is no success, as a problem document says it.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || body.error || t("error.status", { status }));
    this.status = status;
    this.title = body.title ?? "";
    this.errors = body.errors ?? [];
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

// query makes a query string of what is not empty.
export function query(values) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value) q.set(name, value);
  const text = q.toString();
  return text ? `?${text}` : "";
}
