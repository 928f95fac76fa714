// The names of the account's templates, which say more than their codes.
import { get } from "./api.js";
import { part } from "./system.js";

let asked = null;
let names = new Map();

// pause is after how many ms they are asked for again when they could not be had.
const pause = 60_000;

// templateNames asks for the names once. Whoever may not see them, or cannot, sees codes.
export async function templateNames() {
  asked ??= (async () => {
    try {
      const { templates } = await get(part("operations") ? "/inbox/templates" : "/v1/templates");
      names = new Map((templates ?? []).map((x) => [x.code, x.name]));
    } catch {
      names = new Map();
      setTimeout(() => { asked = null; }, pause);
    }
  })();
  await asked;
}

// nameOf is what a template is called, as far as it is known.
export const nameOf = (code) => names.get(code) || code;
