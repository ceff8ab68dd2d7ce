// Goal: the administration page shows a cluster, and what a death changes in it, in a real browser.
// Method: four replicas of the catalogue as processes, requests to all of them, Chromium on the
// page of the first. The fourth is killed; at last the first, whose page then has to say so.
//
// usage: admin.mjs MODULES CHROMIUM CATALOG-NODE CSV [SCREENSHOT]
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {createInterface} from 'node:readline';

const [modules, executablePath, program, csv, screenshot] = process.argv.slice(2);
const {chromium} = createRequire(path.join(modules, 'package.json'))('playwright-core');

const patience = 60_000;  // a bound for failures, no measure
const cluster = screenshot ? 'catalog' : `browser-${process.pid}`;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kith-browser-'));
const replicas = [];
let browser = null;

async function startReplica(n) {
  const child = spawn(program, ['--port', '0', '--cluster', cluster,
    '--database', path.join(folder, 'catalog.sqlite'), '--csv', csv,
    '--counters', path.join(folder, `${n}.counters`)], {stdio: ['ignore', 'pipe', 'inherit']});
  const replica = {child, ended: new Promise((resolve) => child.once('exit', resolve))};
  replicas.push(replica);
  for await (const line of createInterface({input: child.stdout})) {
    replica.page ??= line.match(/shows its cluster at (\S+)/)?.[1];
    replica.http = line.match(/listens on (\S+)/)?.[1];
    if (replica.http) return replica;
  }
  throw new Error(`replica ${n} ended before it listened`);
}

async function kill(replica) {
  replica.child.kill('SIGKILL');
  await replica.ended;
}

const addressOf = async (replica) =>
    (await (await fetch(new URL('cluster.json', replica.page))).json()).member;

/** Reads and a few writes through all replicas that live, until `stop.now`. */
async function load(stop) {
  const names = (await (await fetch(`${replicas[0].http}/names`)).text()).trim().split('\n');
  for (let i = 0; !stop.now; ++i) {
    for (const {http, child} of replicas) {
      const url = `${http}/package/${encodeURIComponent(names[i * 7 % names.length])}`;
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const request = i % 20 === 7 ? {method: 'PUT', body: `{"section": "s${i}"}`} : {};
      await fetch(url, request).then((reply) => reply.text()).catch(() => {});
    }
  }
}

const rows = (page) => page.locator('#members tr');
const rowOf = (page, address) => page.locator(`#members tr[data-member="${address}"]`);

/** Waits until the text of what `locator` finds matches. */
async function shows(locator, pattern) {
  const deadline = Date.now() + patience;
  for (;;) {
    const text = await locator.first().textContent({timeout: patience});
    if (pattern.test(text)) return text;
    assert(Date.now() < deadline, `${locator}: ${JSON.stringify(text)} does not match ${pattern}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function showsTheCluster(page, addresses) {
  await page.goto(replicas[0].page);
  await rows(page).nth(3).waitFor({timeout: patience});
  await shows(page.locator('#state'), /^ready$/);
  await shows(rowOf(page, addresses[0]), /this member/);
  for (const address of addresses.slice(1)) {
    await shows(rowOf(page, address), /connected.*256 \(25\.0 %\)/);
  }
  await shows(page.locator('#map-text'), /1024 partitions.* 0 have none/);
  await shows(page.locator('[data-rate=reads]'), /[1-9]/);
  await shows(page.locator('#caches tr'), /packages.*[1-9].*%/);
  await shows(page.locator('#times tr').first(), /read of another member.*[µm]s/);
  await shows(page.locator('#drops tr').first(), /applied/);
}

async function choosesAMember(page, address) {
  const button = rowOf(page, address).getByRole('button');
  await button.click();
  await shows(page.locator('#map-text'), /owns 256 of 1024/);
  assert.equal(await button.getAttribute('aria-pressed'), 'true');
  await button.click();
  await shows(page.locator('#map-text'), /in the colours of their owners/);
}

async function linksToTheOthers(page, address) {
  await rowOf(page, address).getByRole('link').click();
  await shows(rowOf(page, address), /this member/);
  await page.goBack();
}

async function showsTheDeath(page, dead, left) {
  await shows(rowOf(page, dead), /gone since/);
  await shows(page.locator('#events li[data-event=gone]'), new RegExp(`${dead} is gone`));
  await shows(page.locator('#events li[data-event=gained]'), /This member got \d+ partitions/);
  for (const address of left) await shows(rowOf(page, address), /34[12] \(33\.\d %\)/);
  await shows(page.locator('#about'), /members 3/);
  assert.equal(await rows(page).count(), 4);
}

async function fitsAPhone(page) {
  const before = page.viewportSize();
  await page.setViewportSize({width: 360, height: 740});
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await page.setViewportSize(before);
}

/** In dark, text is light. */
async function followsTheColourScheme(page) {
  const ink = () => page.evaluate(() => getComputedStyle(document.body).color);
  const light = await ink();
  await page.emulateMedia({colorScheme: 'dark'});
  assert.notEqual(await ink(), light);
  await page.emulateMedia({colorScheme: 'light'});
}

/** Names come from users: one that is HTML has to be shown as it is. */
async function showsNamesAsText(page) {
  const name = '<img src=x onerror="document.title=1">';
  await page.route('**/*.json', async (route) => {
    const reply = await route.fetch();
    const text = (await reply.text()).replaceAll('"packages"', JSON.stringify(name))
        .replaceAll('"zone":""', `"zone":${JSON.stringify(name)}`);
    await route.fulfill({response: reply, body: text});
  });
  await shows(page.locator('#caches tr'), /<img src=x onerror=/);
  await shows(page.locator('#members tr'), /<img src=x onerror=/);
  assert.equal(await page.locator('main img').count(), 0);
  await page.unrouteAll({behavior: 'wait'});
}

async function run() {
  for (let n = 1; n <= 4; ++n) await startReplica(n);
  const addresses = await Promise.all(replicas.map(addressOf));
  // No sandbox: containers, where this often runs as root, give Chromium none.
  browser = await chromium.launch({executablePath, args: ['--no-sandbox']});
  const page = await browser.newPage({viewport: {width: 1100, height: 900}, colorScheme: 'light'});
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  const stop = {now: false};
  const loaded = load(stop);

  await showsTheCluster(page, addresses);
  await choosesAMember(page, addresses[1]);
  await linksToTheOthers(page, addresses[1]);
  await shows(rowOf(page, addresses[3]), /connected/);
  await kill(replicas[3]);
  await showsTheDeath(page, addresses[3], addresses.slice(0, 3));
  if (screenshot) {
    await new Promise((resolve) => setTimeout(resolve, 40_000));  // lines that are worth a look
    await page.screenshot({path: screenshot, fullPage: true});
  }
  await fitsAPhone(page);
  await followsTheColourScheme(page);
  await showsNamesAsText(page);
  assert.deepEqual(faults, []);

  stop.now = true;
  await loaded;
  await kill(replicas[0]);
  await shows(page.locator('#lost'), /No answer from this member since/);
  assert(await page.locator('#lost').isVisible());
}

let status = 0;
try {
  await run();
  console.log('the page showed the cluster, a death in it, and the end of its own member');
} catch (error) {
  console.error(error);
  status = 1;
}
await browser?.close();
for (const replica of replicas) await kill(replica);
fs.rmSync(folder, {recursive: true, force: true});
process.exit(status);
