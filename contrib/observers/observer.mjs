#!/usr/bin/env node
// A ferry observer for Node.js, without any package: subscribes to the jobs of
// a server and prints each event once.
//
//     node observer.mjs [http://127.0.0.1:40001 [PORT]]
//
// With FERRY_SECRET=whsec_... (`ferry subscriptions secret ID`) it takes only
// what is signed with it.  What a real one adds: keep `last` on disk, with the
// work that an event causes, in one transaction.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const server = process.argv[2] ?? "http://127.0.0.1:40001";
const port = Number(process.argv[3] ?? 0);
const secret = process.env.FERRY_SECRET ?? "";
const isc = "urn:Aspera:XML:IScpTransferNET:2006/04:Types";
const envelope = (content) =>
  '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/' +
  `envelope/"><e:Body>${content}</e:Body></e:Envelope>`;
// Enough for the fields of an event; an XML parser for the rest of it.
const field = (xml, name) =>
  new RegExp(`<(?:\\w+:)?${name}>([^<]*)<`).exec(xml)?.[1];
let last = 0; // Sequence of the newest event that was dealt with

function isSigned(headers, body) {
  const time = headers["webhook-timestamp"] ?? "0";
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = Buffer.from("v1," + createHmac("sha256", key)
    .update(`${headers["webhook-id"]}.${time}.`).update(body)
    .digest("base64"));
  return Math.abs(Date.now() / 1000 - Number(time)) < 300 &&
    (headers["webhook-signature"] ?? "").split(" ").some((one) =>
      one.length === expected.length &&
      timingSafeEqual(Buffer.from(one), expected));
}

function take(body) {
  const kind = /<\w+:(Notify|SubscriptionNotify)Request/.exec(body)[1];
  const sequence = Number(field(body, "Sequence"));
  if (kind === "Notify" && sequence > last) {
    const job = body.slice(body.indexOf("<Job>"));
    console.log(sequence, field(body, "Topic"), field(job, "ID"));
    last = sequence; // at least once, in order: the rest repeats
  }
  return envelope(`<n:${kind}Response xmlns:n="${isc}"/>`);
}

const observer = createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces);
    if (secret !== "" && !isSigned(request.headers, body)) {
      response.writeHead(401).end();
      return;
    }
    response.writeHead(200, { "Content-Type": "text/xml; charset=utf-8" });
    response.end(take(body.toString("utf8")));
  });
});

observer.listen(port, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${observer.address().port}/`;
  const answer = await fetch(
    `${server}/services/soap/IScpTransferNET-200604`, {
      method: "POST",
      headers: { "Content-Type": "text/xml; charset=utf-8" },
      body: envelope(`<s:SubscribeRequest xmlns:s="${isc}"><JobID>0</JobID>` +
        `<JobObserver><Address>${url}</Address></JobObserver>` +
        "</s:SubscribeRequest>"),
    });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  console.error("subscribed", field(text, "ID"));
});
