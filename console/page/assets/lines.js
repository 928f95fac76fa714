// The lines with which a request can be made without this page.

// quote makes one word for a POSIX shell.
function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function curlLine(origin, body, key) {
  return [
    `curl -sS -X POST ${origin}/v1/messages`,
    "-H 'content-type: application/json'",
    ...(key ? [`-H ${quote(`idempotency-key: ${key}`)}`] : []),
    `-d ${quote(JSON.stringify(body))}`,
  ].join(" \\\n  ");
}

export function awsLine(system, source, detail) {
  const entries = [{ EventBusName: system.busName, Source: source, DetailType: system.detailType, Detail: JSON.stringify(detail) }];
  return [
    "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local",
    `aws --endpoint-url ${system.awsUrl} --region ${system.region} events put-events`,
    `--entries ${quote(JSON.stringify(entries))}`,
  ].join(" \\\n  ");
}
