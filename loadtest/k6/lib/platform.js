// The platform's API as the scenarios use it: whatever a scenario needs, it prepares by these.
import http from 'k6/http';
import { fail, sleep } from 'k6';

export const BASE = (__ENV.BASE_URL || 'http://127.0.0.1:3333').replace(/\/$/, '');
const PASSWORD = 'correct horse battery';
const ADMIN_EMAIL = __ENV.ADMIN_EMAIL || 'admin@guerdon.local';
// Who hash passwords at once; more would be told to come back.
const AT_ONCE = 4;
const PATIENCE = 20;
const RUN = `${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;

// `name` stands for the route in the figures.
export function params(name, token) {
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  return { headers, tags: { name } };
}

// An answer's JSON, or null: a check must say what is wrong and not throw.
export function bodyOf(answer) {
  try {
    return answer.json();
  } catch (_) {
    return null;
  }
}

export function isId(text) {
  return typeof text === 'string' && /^[0-9a-f]{24}$/.test(text);
}

// Sends requests a few at a time until each is answered as expected; whoever is told to come back does so.
function prepare(requests, expected) {
  const answers = new Array(requests.length);
  let waiting = requests.map((_, index) => index);
  for (let attempt = 0; waiting.length && attempt < PATIENCE; attempt++) {
    if (attempt) sleep(0.5);
    const late = [];
    for (let start = 0; start < waiting.length; start += AT_ONCE) {
      const part = waiting.slice(start, start + AT_ONCE);
      http.batch(part.map((index) => requests[index])).forEach((answer, place) => {
        if (answer.status === expected) answers[part[place]] = answer.json();
        else if (answer.status === 503) late.push(part[place]);
        else fail(`${answer.request.method} ${answer.request.url} answered ${answer.status}: ${answer.body}`);
      });
    }
    waiting = late;
  }
  if (waiting.length) fail(`${waiting.length} requests of the preparation were never accepted`);
  return answers;
}

// What a preparation answers may be 503 and is repeated, so that it does not count as failed.
function request(method, path, token, body) {
  const settings = params('(preparation)', token);
  settings.responseCallback = http.expectedStatuses({ min: 200, max: 299 }, 503);
  return { method, url: `${BASE}${path}`, body: body ? JSON.stringify(body) : null, params: settings };
}

export function loginBody(email) {
  return JSON.stringify({ email, password: PASSWORD });
}

// An access token of the administrator. ADMIN_PASSWORD names the password.
export function administrator() {
  if (!__ENV.ADMIN_PASSWORD) fail('ADMIN_PASSWORD is not set: the scenario needs somebody who may create events');
  const body = { email: ADMIN_EMAIL, password: __ENV.ADMIN_PASSWORD };
  return prepare([request('POST', '/auth/login', null, body)], 200)[0].accessToken;
}

// Registers so many users; their ids and addresses.
export function registerUsers(count) {
  const emails = Array.from({ length: count }, (_, number) => `k6-${RUN}-${number}@example.com`);
  const bodies = emails.map((email) => ({ email, password: PASSWORD }));
  const users = prepare(bodies.map((body) => request('POST', '/users', null, body)), 201);
  return users.map((user) => ({ id: user.id, email: user.email }));
}

// Logs users in; each gets a `token`.
export function logInAll(users) {
  const requests = users.map(({ email }) => request('POST', '/auth/login', null, JSON.parse(loginBody(email))));
  return prepare(requests, 200).map((session, place) => ({ ...users[place], token: session.accessToken }));
}

export function giveRoles(admin, user, roles) {
  prepare([request('PUT', `/users/${user.id}/roles`, admin, { roles })], 200);
}

export function eventBody(name) {
  return {
    name,
    condition: { in: ['USER', { var: 'user.roles' }] },
    periodStart: '2020-01-01T00:00:00Z',
    periodEnd: '2099-01-01T00:00:00Z',
  };
}

// Creates so many events that run now; their ids.
export function createEvents(staff, count) {
  const requests = Array.from({ length: count }, (_, number) =>
    request('POST', '/events', staff, eventBody(`Load ${RUN} ${number}`)));
  return prepare(requests, 201).map((event) => event.id);
}

export const REWARDS = [
  { type: 'POINT', name: 'Starter points', points: 500 },
  { type: 'ITEM', name: 'Potions', itemId: 'potion-s', quantity: 3 },
  { type: 'COUPON', name: 'Ten percent off', couponCode: 'SPRING10', expiry: '2099-01-01T00:00:00Z' },
  { type: 'BADGE', name: 'Early bird', badgeId: 'early-bird' },
];

export function attachRewards(staff, event) {
  REWARDS.forEach((reward) => prepare([request('POST', `/events/${event}/rewards`, staff, reward)], 201));
}
