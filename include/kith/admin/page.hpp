// The administration page: one document of HTML, style and script, without anything from elsewhere.
// It reads cluster.json and stats.json once a second and keeps the last minute of numbers, from
// which rates, ratios and percentiles are made. Whatever comes from the documents is set as text,
// never as HTML: names of caches and zones are users' data.
//
// It says of which member the numbers are: a member knows no other one's.
#pragma once

#include <string_view>

namespace kith::admin {

/// Stands in the page where the nonce of an answer belongs.
inline constexpr std::string_view page_nonce = "@nonce@";

inline constexpr std::string_view page_text = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>kith</title>
<style nonce="@nonce@">
:root { --bg: #f6f7f9; --card: #fff; --ink: #1b2330; --soft: #59657a; --line: #d9dee7;
        --good: #19703c; --bad: #b3261e; --accent: #1f5fbf; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #11151c; --card: #1a202b; --ink: #e6eaf2; --soft: #9aa7bd; --line: #303a4b;
          --good: #6fd08c; --bad: #ff8a80; --accent: #8ab4ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
header, main, footer { max-width: 1120px; margin: 0 auto; padding: 12px; }
header { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; }
h1 { font-size: 20px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 0 0 8px; }
main { display: grid; gap: 12px; padding-top: 0;
       grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr)); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px;
          min-width: 0; }
.wide { grid-column: 1 / -1; }
.soft, footer { color: var(--soft); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 3px 12px 3px 0; border-bottom: 1px solid var(--line);
         white-space: nowrap; }
td.name { white-space: normal; overflow-wrap: anywhere; min-width: 12em; }
th { color: var(--soft); font-weight: 500; }
.number { text-align: right; }
tr.gone td { color: var(--soft); }
tr.gone .name button { text-decoration: line-through; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 2px 4px;
         border-radius: 4px; cursor: pointer; text-align: left; }
button[aria-pressed=true] { outline: 2px solid var(--accent); }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px;
       border: 1px solid var(--line); }
canvas { width: 100%; height: auto; image-rendering: pixelated; display: block;
         border: 1px solid var(--line); }
.tiles { display: grid; gap: 8px; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); }
.tiles b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.tiles svg { width: 100%; height: 28px; display: block; }
.tiles polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; }
.bar { display: flex; height: 12px; border-radius: 4px; overflow: hidden; margin: 0 0 8px;
       background: var(--line); }
.near { background: #2e8b57; } .owner { background: #3b78c9; } .loaded { background: #d98e04; }
.absent { background: #8a8f99; } .failed { background: #c62828; }
#events { list-style: none; margin: 0; padding: 0; max-height: 260px; overflow-y: auto; }
#events li { padding: 2px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
#events time { color: var(--soft); margin-right: 8px; font-variant-numeric: tabular-nums; }
#lost { background: var(--bad); color: var(--card); padding: 8px 12px; text-align: center; }
body.stale main { opacity: .55; }
</style>
</head>
<body>
<div id="lost" role="alert" hidden></div>
<header>
  <h1 id="title">kith</h1>
  <span id="state" role="status">Asking…</span>
  <span id="about" class="soft"></span>
</header>
<main>
<section class="wide" aria-labelledby="h-members">
  <h2 id="h-members">Members</h2>
  <div class="scroll" role="region" aria-labelledby="h-members" tabindex="0">
  <table><thead><tr><th scope="col">Member</th><th scope="col">State</th>
    <th scope="col" class="number">Partitions</th><th scope="col" class="number">Weight</th>
    <th scope="col">Zone</th><th scope="col">Its page</th></tr></thead>
    <tbody id="members"></tbody></table></div>
</section>
<section class="wide" aria-labelledby="h-map">
  <h2 id="h-map">Partition map</h2>
  <canvas id="map" width="640" height="160" role="img" aria-labelledby="h-map map-text"></canvas>
  <p id="map-text" class="soft"></p>
</section>
<section class="wide" aria-labelledby="h-rates">
  <h2 id="h-rates">Throughput <span class="soft">a second, of this member</span></h2>
  <div id="rates" class="tiles"></div>
</section>
<section class="wide" aria-labelledby="h-hits">
  <h2 id="h-hits">Hit ratios by tier <span class="soft" id="hits-when"></span></h2>
  <div id="tiers" class="bar" role="img"></div>
  <div class="scroll" role="region" aria-labelledby="h-hits" tabindex="0">
  <table><thead><tr><th scope="col">Cache</th><th scope="col" class="number">Reads</th>
    <th scope="col" class="number"><i class="key near"></i>near</th>
    <th scope="col" class="number"><i class="key owner"></i>owner</th>
    <th scope="col" class="number"><i class="key loaded"></i>loaded</th>
    <th scope="col" class="number"><i class="key absent"></i>absent</th>
    <th scope="col" class="number"><i class="key failed"></i>failed</th>
    <th scope="col" class="number">near entries</th>
    <th scope="col" class="number">owned entries</th></tr></thead>
    <tbody id="caches"></tbody></table></div>
</section>
<section aria-labelledby="h-times">
  <h2 id="h-times">Latency <span class="soft">of the last minute</span></h2>
  <div class="scroll" role="region" aria-labelledby="h-times" tabindex="0">
  <table><thead><tr><th scope="col">What</th>
    <th scope="col" class="number">p50</th>
    <th scope="col" class="number">p90</th><th scope="col" class="number">p99</th>
    <th scope="col" class="number">Count</th></tr></thead>
    <tbody id="times"></tbody></table></div>
</section>
<section aria-labelledby="h-drops">
  <h2 id="h-drops">Invalidations <span class="soft">of this member</span></h2>
  <div class="scroll" role="region" aria-labelledby="h-drops" tabindex="0">
  <table><thead><tr><th scope="col">What</th><th scope="col" class="number">a second</th>
    <th scope="col" class="number">in all</th></tr></thead>
    <tbody id="drops"></tbody></table></div>
</section>
<section class="wide" aria-labelledby="h-events">
  <h2 id="h-events">Events <span class="soft">of this member, newest first</span></h2>
  <ol id="events" role="log" aria-labelledby="h-events" tabindex="0"></ol>
</section>
</main>
<footer>Rates, ratios, latencies and invalidations are those of this member alone: members do not
know each other's numbers. Members and the partition map are of the view that it holds. A member
that is gone has left or died; a view does not tell which. Raw: <a href="stats.json">stats.json</a>,
<a href="cluster.json">cluster.json</a>, <a href="metrics">metrics</a>.</footer>
<script nonce="@nonce@">
'use strict';
const byId = (id) => document.getElementById(id);
const colours = new Map();  // by address; a colour stays with a member while the page is open
const samples = [];         // the last minute of stats.json, one a second
const shown = new Map();    // what tables show, so that they are built again only when it changes
let cluster = null, selected = null, lastSerial = 0, failedSince = null;

function node(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);  // strings become text
  return made;
}
function colourOf(address) {
  if (!colours.has(address)) {
    const n = colours.size;
    colours.set(address, `hsl(${(210 + n * 137.5) % 360} ${60 - n % 3 * 12}% ${46 + n % 4 * 7}%)`);
  }
  return colours.get(address);
}
function key(address) {
  const made = node('span', {class: 'key', 'aria-hidden': 'true'});
  made.style.background = colourOf(address);
  return made;
}
const time = (ms) => new Date(ms).toLocaleTimeString([], {hour12: false});
const whole = (n) => Math.round(n).toLocaleString('en');
const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});
const percent = (part, all) => all > 0 ? (100 * part / all).toFixed(1) + ' %' : '–';
function span(ns) {
  if (ns < 1e6) return (ns / 1e3).toFixed(0) + ' µs';
  if (ns < 1e9) return (ns / 1e6).toFixed(1) + ' ms';
  return (ns / 1e9).toFixed(2) + ' s';
}
/* Fills a table body; keeps what has the focus. */
function fill(id, rows, make) {
  const text = JSON.stringify([rows, selected]);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  const focus = document.activeElement && document.activeElement.dataset.key;
  byId(id).replaceChildren(...rows.map(make));
  if (focus) for (const each of byId(id).querySelectorAll('[data-key]')) {
    if (each.dataset.key === focus) each.focus();
  }
}
const row = (cells) => node('tr', {}, ...cells.map((cell, i) =>
    node('td', {class: i === 0 ? 'name' : 'number'}, cell)));

/* What came in since `from`, summed over the samples of `family` that have the labels. */
const labelled = (sample, labels) =>
    Object.entries(labels).every(([name, value]) => sample.labels[name] === value);
const samplesOf = (of, family, labels) => ((of.metrics[family] || {samples: []}).samples)
    .filter((sample) => labelled(sample, labels));
const total = (of, family, labels = {}) =>
    samplesOf(of, family, labels).reduce((sum, sample) => sum + sample.value, 0);
function grown(from, to, family, labels = {}) {
  const before = new Map(samplesOf(from, family, labels)
      .map((sample) => [JSON.stringify(sample.labels), sample.value]));
  return samplesOf(to, family, labels).reduce((sum, sample) => sum +
      Math.max(0, sample.value - (before.get(JSON.stringify(sample.labels)) || 0)), 0);
}
const last = (seconds) => samples[Math.max(0, samples.length - 1 - seconds)];
function rate(family, labels, from = last(5), to = last(0)) {
  const seconds = (to.up_ms - from.up_ms) / 1000;
  return seconds > 0 ? grown(from, to, family, labels) / seconds : 0;
}
/* Percentiles of what a histogram recorded between two samples: the upper ends of buckets. */
function times(family, labels, from, to) {
  const buckets = new Map();
  for (const [of, sign] of [[to, 1], [from, -1]]) {
    for (const sample of samplesOf(of, family, labels)) {
      for (const [end, count] of sample.buckets) {
        buckets.set(end, (buckets.get(end) || 0) + sign * count);
      }
    }
  }
  const sorted = [...buckets].filter(([, count]) => count > 0).sort((a, b) => a[0] - b[0]);
  const all = sorted.reduce((sum, [, count]) => sum + count, 0);
  const at = (share) => {
    let seen = 0;
    for (const [end, count] of sorted) if ((seen += count) >= share * all) return span(end);
    return '–';
  };
  return [at(.5), at(.9), at(.99), whole(all)];
}

function showMembers() {
  const all = cluster.members.reduce((sum, one) => sum + one.partitions, 0);
  const rows = cluster.members.map((one, i) => ({...one, oldest: i === 0}));
  for (const one of cluster.gone) rows.push({...one, state: 'gone', partitions: 0});
  fill('members', rows, (one) => {
    const choose = node('button', {type: 'button', 'data-key': one.address,
        'aria-pressed': String(selected === one.address),
        title: 'Show its partitions in the map'}, key(one.address), one.address);
    choose.addEventListener('click', () => {
      selected = selected === one.address ? null : one.address;
      showMembers();
      showMap();
    });
    const words = {self: 'this member', gone: 'gone since ' + time(one.time_ms)};
    const state = (words[one.state] || one.state) + (one.oldest ? ', coordinator' : '');
    const fine = one.state === 'self' || one.state === 'connected';
    const page = /^https?:\/\//.test(one.page || '') && one.state !== 'self' ?
        node('a', {href: one.page}, 'open') : '';
    return node('tr', {class: one.state === 'gone' ? 'gone' : '', 'data-member': one.address},
        node('td', {class: 'name'}, choose),
        node('td', {class: fine ? 'good' : 'bad'}, state),
        node('td', {class: 'number'}, `${one.partitions} (${percent(one.partitions, all)})`),
        node('td', {class: 'number'}, String(one.weight ?? '')),
        node('td', {class: 'name'}, one.zone || ''), node('td', {}, page));
  });
}

const columns = 64, cell = 10;
function showMap() {
  const canvas = byId('map'), draw = canvas.getContext('2d');
  const owners = cluster.partitions.map((i) => i < 0 ? null : cluster.members[i].address);
  draw.clearRect(0, 0, canvas.width, canvas.height);
  owners.forEach((owner, p) => {
    if (owner === null) return;
    draw.globalAlpha = selected === null || selected === owner ? 1 : .15;
    draw.fillStyle = colourOf(owner);
    draw.fillRect(p % columns * cell, Math.floor(p / columns) * cell, cell - 1, cell - 1);
  });
  const of = (address) => owners.filter((owner) => owner === address).length;
  byId('map-text').textContent = selected !== null ?
      `${selected} owns ${of(selected)} of ${owners.length} partitions.` :
      `${owners.length} partitions of all caches, in the colours of their owners; ` +
      `${of(null)} have none.`;
}
byId('map').addEventListener('pointermove', (event) => {
  const box = event.target.getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left) / box.width * columns);
  const y = Math.floor((event.clientY - box.top) / box.height * (1024 / columns));
  const owner = cluster && cluster.members[cluster.partitions[y * columns + x]];
  event.target.title = `partition ${y * columns + x}: ${owner ? owner.address : 'no owner'}`;
});

function line(family, labels) {
  const points = samples.slice(1).map((to, i) => rate(family, labels, samples[i], to));
  const top = Math.max(1, ...points);
  const made = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  made.setAttribute('viewBox', '0 0 60 28');
  made.setAttribute('preserveAspectRatio', 'none');
  made.setAttribute('aria-hidden', 'true');
  const drawn = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  drawn.setAttribute('points', points.map((value, i) =>
      `${60 - points.length + i + 1},${27 - 26 * value / top}`).join(' '));
  made.append(drawn);
  return made;
}
function showNumbers() {
  const from = samples[0], to = samples.at(-1);
  byId('rates').replaceChildren(...[
    ['reads', 'reads', {}], ['writes', 'writes', {}], ['loads', 'loads_run', {}],
    ['calls to owners', 'calls', {}], ['messages received', 'messages_received', {}],
    ['bytes sent', 'peer_sent', {}], ['bytes received', 'peer_received', {}],
  ].map(([name, family, labels]) => node('div', {}, node('span', {class: 'soft'}, name),
      node('b', {'data-rate': family}, compact.format(rate(family, labels))),
      line(family, labels))));

  const tiers = ['near', 'owner', 'loaded', 'absent', 'failed'];
  const recent = grown(from, to, 'reads') > 0;
  const none = {metrics: {}};
  const reads = (labels) => grown(recent ? from : none, to, 'reads', labels);
  const names = [...new Set(samplesOf(to, 'reads', {}).map((one) => one.labels.cache))].sort();
  byId('hits-when').textContent = recent ? 'of the last minute' : 'since the member began';
  fill('caches', names.map((cache) => [cache, whole(reads({cache})),
      ...tiers.map((answer) => percent(reads({cache, answer}), reads({cache}))),
      whole(total(to, 'near_entries', {cache})), whole(total(to, 'owned_entries', {cache}))]), row);
  const parts = tiers.map((answer) => [answer, reads({answer})]);
  byId('tiers').replaceChildren(...parts.map(([answer, count]) => {
    const made = node('span', {class: answer});
    made.style.flexGrow = String(count);
    return made;
  }));
  byId('tiers').setAttribute('aria-label', 'All caches: ' + parts.map(([answer, count]) =>
      `${answer} ${percent(count, reads({}))}`).join(', '));

  fill('times', [['read of another member', 'remote_call', {op: 'read'}],
    ['write at another member', 'remote_call', {op: 'write'}], ['load', 'load_time', {}],
    ['processor', 'processor_time', {}], ['write to last invalidation', 'invalidation_delay', {}],
  ].map(([name, family, labels]) => [name, ...times(family, labels, from, to)]), row);
  fill('drops', [['applied, as a reader', 'invalidations_applied', {}],
    ['sent, as an owner', 'invalidations_sent', {}],
    ['batches sent', 'invalidation_batches', {}],
    ['streams collapsed: a reader is slow', 'invalidations_collapsed', {}],
    ['gaps seen: something was missed', 'invalidation_gaps', {}],
  ].map(([name, family, labels]) =>
      [name, compact.format(rate(family, labels)), whole(total(to, family, labels))]), row);
}

const words = {
  began: (one) => `This page's server began to listen, at view ${one.view}.`,
  joined: (one) => `${one.member} joined, with view ${one.view}.`,
  gone: (one) => `${one.member} is gone, with view ${one.view}.`,
  gained: (one) => `This member got ${one.count} partitions, with view ${one.view}.`,
  lost: (one) => `This member gave up ${one.count} partitions, with view ${one.view}.`,
  missed: (one) => `${one.count} views came too fast to be told one by one.`,
};
function showEvents() {
  const list = byId('events'), newest = cluster.events.at(-1);
  if (newest && newest.serial < lastSerial) {  // another process has taken the address
    list.replaceChildren();
    lastSerial = 0;
  }
  for (const one of cluster.events) {
    if (one.serial <= lastSerial) continue;
    lastSerial = one.serial;
    const text = (words[one.what] || ((other) => other.what))(one);
    list.prepend(node('li', {'data-event': one.what}, node('time', {}, time(one.time_ms)), text));
  }
  while (list.children.length > 256) list.lastChild.remove();
}
function showState() {
  document.title = `kith: ${cluster.cluster}`;
  byId('title').textContent = cluster.cluster;
  const state = byId('state');
  const text = cluster.ready ? 'ready' : 'not ready: ' + cluster.reason;
  if (state.textContent !== text) state.textContent = text;
  state.className = cluster.ready ? 'good' : 'bad';
  byId('about').textContent = `member ${cluster.member} · view ${cluster.view} · ` +
      `members ${cluster.members.length} · caches ${cluster.caches.length}`;
}

async function fetchJson(name) {
  const answer = await fetch(name, {cache: 'no-store', signal: AbortSignal.timeout(5000)});
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
}
async function turn() {
  try {
    const [now, stats] = await Promise.all([fetchJson('cluster.json'), fetchJson('stats.json')]);
    cluster = now;
    if (samples.length > 0 && stats.up_ms < samples.at(-1).up_ms) samples.length = 0;
    samples.push(stats);
    while (samples.length > 61) samples.shift();
    failedSince = null;
    showState();
    showMembers();
    showMap();
    showNumbers();
    showEvents();
  } catch (error) {
    failedSince ??= Date.now();
    byId('lost').textContent = `No answer from this member since ${time(failedSince)} ` +
        `(${error.message}). What is shown is of then.`;
  }
  byId('lost').hidden = failedSince === null;
  document.body.classList.toggle('stale', failedSince !== null);
  setTimeout(turn, 1000);
}
turn();
</script>
</body>
</html>
)page";

}  // namespace kith::admin
