// node-redis: commands, transactions, scans, subscriptions, over RESP2 and RESP3.
import { createClient } from "redis";

function step(name, good) {
  if (!good) throw new Error("wrong: " + name);
  console.log("ok " + name);
}

function options(url, RESP) {
  return url.startsWith("unix:") ? { socket: { path: url.slice("unix://".length) }, RESP } : { url, RESP };
}

const url = process.env.REDIS_URL;
for (const RESP of [2, 3]) {
  const client = await createClient(options(url, RESP)).connect();
  await client.flushDb();
  await client.set("a", "1", { expiration: { type: "EX", value: 60 }, condition: "NX" });
  const ttl = await client.ttl("a");
  step("set " + RESP, (await client.get("a")) === "1" && ttl > 55 && ttl <= 60);
  await client.hSet("h", { x: "1", y: "2" });
  const h = await client.hGetAll("h");
  step("hash " + RESP, h.x === "1" && h.y === "2");
  const all = await client.multi().incr("n").incrBy("n", 4).get("n").exec();
  step("multi " + RESP, JSON.stringify(all) === '[1,5,"5"]');
  if (RESP === 2) {
    const other = await client.duplicate().connect();
    let hear;
    const heard = new Promise((resolve) => (hear = resolve));
    await other.subscribe("news", hear);
    await client.publish("news", "hello");
    step("subscribe", (await heard) === "hello");
    await other.close();
  }
  await client.close();
}
