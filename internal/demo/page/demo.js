// The page does what an app's page would do: it asks for a slot, sends the bytes, asks for a link. The names of the
// bucket and the routes are the only things it knows.

const $ = (id) => document.getElementById(id);

async function ask(what, body) {
  const r = await fetch(`/demo/${what}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Holdfast-Demo': '1' },
    body: JSON.stringify(body ?? {}),
  });
  const answer = await r.json();
  if (!r.ok) throw answer.error ?? { message: r.statusText };
  return answer;
}

// fetch cannot report how far an upload is; XMLHttpRequest can.
function send(url, blob, onProgress) {
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest();
    x.open('PUT', url);
    x.responseType = 'json';
    x.upload.onprogress = (e) => e.lengthComputable && onProgress(e.loaded / e.total);
    x.onload = () => (x.status < 300 ? resolve(x.response) : reject(x.response?.error ?? { message: `status ${x.status}` }));
    x.onerror = () => reject({ message: 'the connection was lost' });
    x.send(blob);
  });
}

async function upload(blob, key) {
  const slot = await ask('slot', { key, type: blob.type });
  return send(slot.url, blob, (share) => { $('progress').value = share; });
}

// sample draws a small picture; every call draws another one, so that "replaced" can be seen.
function sample() {
  const c = document.createElement('canvas');
  [c.width, c.height] = [640, 360];
  const g = c.getContext('2d');
  const hue = Math.random() * 360;
  const sky = g.createLinearGradient(0, 0, 0, 360);
  sky.addColorStop(0, `hsl(${hue} 60% 75%)`);
  sky.addColorStop(1, `hsl(${hue + 40} 70% 92%)`);
  g.fillStyle = sky;
  g.fillRect(0, 0, 640, 360);
  for (let layer = 0; layer < 4; layer++) {
    g.fillStyle = `hsl(${hue + 160} 30% ${62 - layer * 14}%)`;
    g.beginPath();
    g.moveTo(0, 360);
    const phase = Math.random() * 6;
    for (let x = 0; x <= 640; x += 8) g.lineTo(x, 170 + layer * 45 + Math.sin(x / (90 - layer * 12) + phase) * 28);
    g.lineTo(640, 360);
    g.fill();
  }
  return new Promise((resolve) => c.toBlob(resolve, 'image/png'));
}

const size = (n) => (n < 1000 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(1)} KB` : `${(n / 1e6).toFixed(1)} MB`);

function showStored(o) {
  $('stored-key').textContent = `${o.bucket}/${o.key}`;
  $('stored-size').textContent = size(o.size);
  $('stored-type').textContent = o.type;
  $('stored-blob').textContent = o.blob;
  $('stored').hidden = false;
}

function attempt(label, expected, answer) {
  const row = $('attempts').insertRow();
  row.insertCell().textContent = label;
  row.insertCell().textContent = expected.join(' or ');
  const cell = row.insertCell();
  const ok = expected.includes(answer);
  cell.textContent = `${answer} ${ok ? '✓' : '✗'}`;
  cell.className = ok ? 'ok' : 'wrong';
}

const status = async (url) => (await fetch(url, { cache: 'no-store' })).status;

// until waits for a status that needs a moment to spread (a death is known everywhere within a second).
async function until(url, wanted) {
  let got = 0;
  for (let i = 0; i < 20 && !wanted.includes(got); i++) {
    if (i) await new Promise((r) => setTimeout(r, 100));
    got = await status(url);
  }
  return got;
}

// alter changes one character in the middle of the signature, where no padding bits hide.
function alter(url) {
  const parts = url.split('.');
  const last = parts.pop();
  const i = 5;
  return [...parts, last.slice(0, i) + (last[i] === 'A' ? 'B' : 'A') + last.slice(i + 1)].join('.');
}

async function tryAll(stored, link) {
  $('attempts').replaceChildren();
  const path = new URL(link, location.href);
  const bare = new URL(path.pathname.split('/').slice(3).join('/'), `${path.origin}/m/`);
  attempt('the link', [200], await status(link));
  attempt('one character of the signature altered', [403], await status(alterPath(path)));
  attempt('another file name in the same link', [403], await status(link.replace(/[^/]*$/, 'other.png')));
  attempt('an expired link', [403], await status((await ask('link', { key: stored.key, expired: true })).url));
  attempt('no signature, the blob guessed', [404], await status(bare));
  attempt('no signature, the name guessed', [404], await status(`/media/${stored.bucket}/${stored.key}`));
  await upload(await sample(), stored.key);
  attempt('the old link, after the file was replaced', [403], await until(link, [403]));
}

function alterPath(u) {
  const parts = u.pathname.split('/');
  parts[2] = alter(parts[2]);
  return new URL(parts.join('/'), u.origin);
}

async function run(blob) {
  $('upload-error').hidden = true;
  $('progress').hidden = false;
  document.body.classList.remove('checked');
  try {
    const stored = await upload(blob, `pictures/${crypto.randomUUID()}.${blob.type.split('/')[1]}`);
    showStored(stored);
    const { url } = await ask('link', { key: stored.key });
    $('picture').src = url;
    await $('picture').decode();
    $('link').textContent = $('link').href = url;
    $('figure').hidden = false;
    document.body.classList.add('done');
    await tryAll(stored, url);
    document.body.classList.add('checked');
  } catch (e) {
    $('upload-error').textContent = [e.message, e.hint].filter(Boolean).join(' — ');
    $('upload-error').hidden = false;
  } finally {
    $('progress').hidden = true;
  }
}

$('file').onchange = (e) => e.target.files[0] && run(e.target.files[0]);
$('sample').onclick = async () => run(await sample());
