// Sends a message and, whatever happens in between, sends it once. Node 22.18 or later, nothing else.
//
//     SMS_API=http://127.0.0.1:8080 node send.ts order-17 010-1234-5678 홍길동
//
// SMS_API is the output apiUrl of the stack, and SMS_API_TOKEN the caller's JWT; go run ./local needs none.

// With @types/node this line is not needed.
declare const process: { argv: string[]; env: Record<string, string | undefined>; exitCode?: number };

const attempts = 6;
const longestWait = 60_000; // ms

interface Message {
  template: string;
  recipients: { to: string; name?: string; variables?: Record<string, string>; reference?: string }[];
  reference?: string;
}

interface Problem {
  type: string;
  detail?: string;
  errors?: { pointer: string; detail: string }[];
}

/** The API does not take the message, and will not take it if it is asked again. The problem says why. */
export class Refused extends Error {
  readonly problem: Problem;
  constructor(status: number, problem: Problem) {
    super(`${status} ${problem.type}: ${JSON.stringify(problem.errors ?? problem.detail)}`);
    this.problem = problem;
  }
}

/** The same key with the same message is one message, however often it is sent. */
export async function send(message: Message, key: string): Promise<{ id: string; status: string }> {
  const headers: Record<string, string> = { "Content-Type": "application/json", "Idempotency-Key": key };
  if (process.env.SMS_API_TOKEN) headers.Authorization = `Bearer ${process.env.SMS_API_TOKEN}`;
  const url = (process.env.SMS_API ?? "http://127.0.0.1:8080").replace(/\/$/, "") + "/v1/messages";
  const body = JSON.stringify(message); // once: what is repeated is the same to the byte
  let why = "";
  let attempt = 1;
  for (; ; attempt++) {
    let wait = Math.random() * Math.min(longestWait, 500 * 2 ** attempt);
    try {
      const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(30_000) });
      const answer = await response.json();
      if (response.ok) return answer; // 202, or 200 when an earlier attempt had been accepted
      if (response.status !== 429 && response.status < 500) throw new Refused(response.status, answer);
      wait = Math.max(wait, 1000 * Number(response.headers.get("Retry-After") ?? 0));
      why = String(response.status);
    } catch (error) {
      if (error instanceof Refused) throw error;
      why = String(error); // no answer, or half of one: it may have been accepted
    }
    if (attempt === attempts || wait > longestWait) break;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  // The key is yours to keep: send the same again later, with the same key.
  throw new Error(`not answered after ${attempt} attempts: ${why}`);
}

const [order, to, name] = process.argv.slice(2);
const message = { template: "TX_1234", recipients: [{ to, name, variables: { 주문번호: order } }], reference: order };
send(message, `order-received-${order}`) // of the business event, not of the attempt
  .then((accepted) => console.log(JSON.stringify(accepted)))
  .catch((error) => {
    console.error(String(error));
    process.exitCode = 1;
  });
