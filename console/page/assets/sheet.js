// The beginning of a list of recipients, as far as a form needs it: which columns there are. What is right in the file is found out
// where it is planned.

// head is how much of a file is read, in bytes.
const head = 64 * 1024;

// peek reads the beginning of a file. It gives { kind: "csv", columns, first } with the values of the first row, { kind: "jsonl" },
// or { wrong } with a word for what the file is.
export async function peek(file) {
  const bytes = new Uint8Array(await file.slice(0, head).arrayBuffer());
  if (!bytes.length) return { wrong: "empty" };
  const begins = (...signature) => signature.every((b, i) => bytes[i] === b);
  if (begins(0x50, 0x4b, 3, 4) || begins(0xd0, 0xcf, 0x11, 0xe0)) return { wrong: "workbook" };
  const text = decode(bytes, begins).replace(/^\ufeff/, "");
  const start = text.trimStart();
  if (start.startsWith("{")) return { kind: "jsonl" };
  if (start.startsWith("[")) return { wrong: "array" };
  if (text.includes("\0")) return { wrong: "binary" };
  const [body, delimiter] = delimited(text);
  const [columns = [], first = []] = records(body, delimiter, 2);
  const named = columns.map((name) => name.trim().normalize("NFC"));
  return named.some(Boolean) ? { kind: "csv", columns: named, first } : { wrong: "empty" };
}

// decode takes a text for UTF-8 unless it cannot be that: then it is what Excel in Korea writes, which browsers call EUC-KR.
function decode(bytes, begins) {
  if (begins(0xff, 0xfe)) return new TextDecoder("utf-16le").decode(bytes);
  if (begins(0xfe, 0xff)) return new TextDecoder("utf-16be").decode(bytes);
  try {
    // What is cut off in the middle of a character is no error.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("euc-kr").decode(bytes);
  }
}

// delimited finds what stands between fields: what is there most in the header, or what a first line says.
function delimited(text) {
  const told = /^sep=([,;\t])\s*\n/.exec(text);
  if (told) return [text.slice(told[0].length), told[1]];
  const counts = { ",": 0, ";": 0, "\t": 0 };
  let quoted = false;
  for (const c of text.replace(/^[\r\n]+/, "")) {
    if (c === "\"") quoted = !quoted;
    else if (c === "\n" && !quoted) break;
    else if (!quoted && c in counts) counts[c] += 1;
  }
  return [text, Object.keys(counts).reduce((best, c) => (counts[c] > counts[best] ? c : best))];
}

// records reads the first records of a CSV.
function records(text, delimiter, most) {
  const all = [];
  let [record, field, quoted] = [[], "", false];
  const end = () => {
    record.push(field);
    if (record.length > 1 || field.trim()) all.push(record);
    [record, field] = [[], ""];
  };
  for (let i = 0; i < text.length && all.length < most; i += 1) {
    const c = text[i];
    if (quoted && c === "\"" && text[i + 1] === "\"") {
      field += c;
      i += 1;
    } else if (c === "\"") quoted = !quoted;
    else if (!quoted && c === delimiter) {
      record.push(field);
      field = "";
    } else if (!quoted && c === "\n") end();
    else if (quoted || c !== "\r") field += c;
  }
  if (all.length < most && (field || record.length)) end();
  return all;
}

// likely is the column that a thing is in, by its name; empty if none is called like that.
export function likely(columns, ...names) {
  const plain = (s) => s.replace(/[\s_-]/g, "").toLowerCase();
  return columns.find((c) => names.some((n) => plain(c) === plain(n))) ?? columns.find((c) => names.some((n) => plain(c).includes(plain(n)))) ?? "";
}
