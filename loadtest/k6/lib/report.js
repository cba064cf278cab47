// The summary: a few lines, JSON, and a page with plots that needs nothing but itself.

const FOLDER = __ENV.REPORT_FOLDER || '.';
const PERCENTILES = ['min', 'p(5)', 'p(25)', 'p(50)', 'p(75)', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'max'];
const PHASES = ['blocked', 'connecting', 'sending', 'waiting', 'receiving'];

// `handleSummary` of a scenario.
export function reportAs(scenario, plan) {
  // Preparing takes time as well, so the plan says how long the load was.
  const seconds = parseInt(plan.scenarios.load.duration, 10);
  return (data) => {
    const rate = (value(data, 'iterations', 'count') || 0) / seconds;
    return {
      stdout: `${lines(scenario, data, rate).join('\n')}\n`,
      [`${FOLDER}/${scenario}.json`]: JSON.stringify({ scenario, seconds, rate, ...withoutSecrets(data) }, null, 2),
      [`${FOLDER}/${scenario}.html`]: page(scenario, data, rate),
    };
  };
}

// What was prepared holds tokens.
function withoutSecrets({ setup_data: _, ...data }) {
  return data;
}

function value(data, metric, key) {
  const found = data.metrics[metric];
  return found ? found.values[key] : undefined;
}

// The requests that count are those whose name the thresholds give.
function measuredMetric(data) {
  return Object.keys(data.metrics).find((name) => name.startsWith('http_req_duration{name:')) || 'http_req_duration';
}

function millis(number) {
  if (number === undefined) return '-';
  return number < 10 ? number.toFixed(2) : number.toFixed(0);
}

function thresholdsOf(data) {
  return Object.entries(data.metrics).flatMap(([name, metric]) =>
    Object.entries(metric.thresholds || {}).map(([rule, { ok }]) => ({ name, rule, ok })));
}

function checksOf(group) {
  return [...(group.checks || []), ...(group.groups || []).flatMap(checksOf)];
}

function lines(scenario, data, rate) {
  const metric = measuredMetric(data);
  const latency = (key) => millis(value(data, metric, key));
  return [
    `${scenario}: ${value(data, 'iterations', 'count') || 0} iterations, ${rate.toFixed(1)} a second; ` +
      `p50 ${latency('p(50)')}, p95 ${latency('p(95)')}, p99 ${latency('p(99)')} ms`,
    ...checksOf(data.root_group).map(({ name, passes, fails }) => `  ${fails ? 'FAIL' : 'ok  '} ${name} (${passes} of ${passes + fails})`),
    ...thresholdsOf(data).map(({ name, rule, ok }) => `  ${ok ? 'ok  ' : 'FAIL'} ${name}: ${rule}`),
  ];
}

function escaped(text) {
  return String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

function bars(title, entries, limit) {
  const most = Math.max(...entries.map(([, number]) => number || 0), limit || 0, 0.001);
  const length = (number) => ((number || 0) / most) * 420;
  const rows = entries.map(([label, number], place) => {
    const top = 34 + place * 24;
    return `<text x="92" y="${top + 13}" text-anchor="end">${escaped(label)}</text>` +
      `<rect x="100" y="${top}" width="${length(number).toFixed(1)}" height="17" rx="2" fill="#2f81b7"/>` +
      `<text x="${(length(number) + 106).toFixed(1)}" y="${top + 13}">${millis(number)}</text>`;
  });
  const height = 44 + entries.length * 24;
  const mark = limit === undefined ? '' :
    `<line x1="${100 + length(limit)}" x2="${100 + length(limit)}" y1="28" y2="${height - 6}" stroke="#c0392b" stroke-width="2"/>` +
    `<text x="${104 + length(limit)}" y="24" fill="#c0392b">p95 below ${limit}</text>`;
  return `<svg viewBox="0 0 620 ${height}" width="620" height="${height}" role="img"><text x="8" y="18" font-weight="600">` +
    `${escaped(title)}</text>${rows.join('')}${mark}</svg>`;
}

function page(scenario, data, rate) {
  const metric = measuredMetric(data);
  const limits = thresholdsOf(data).filter(({ name }) => name === metric).map(({ rule }) => Number(rule.split('<')[1]));
  const verdicts = thresholdsOf(data).map(({ name, rule, ok }) => [ok, `${name}: ${rule}`])
    .concat(checksOf(data.root_group).map(({ name, passes, fails }) => [!fails, `${name} (${passes} of ${passes + fails})`]));
  const phases = PHASES.map((phase) => [phase, value(data, `http_req_${phase}`, 'p(95)')]);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>k6: ${escaped(scenario)}</title>
<style>body{font:14px system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#1f2328;background:#fff}
svg{max-width:100%;height:auto;font-size:12px;margin:1rem 0}.no{color:#c0392b;font-weight:600}</style>
<h1>${escaped(scenario)}</h1>
<p>${escaped(__ENV.BASE_URL || '')} ${escaped(new Date().toISOString())}: ${value(data, 'iterations', 'count') || 0} iterations,
${rate.toFixed(1)} a second, ${value(data, 'dropped_iterations', 'count') || 0} not begun.</p>
${bars(`${metric} by percentile, milliseconds`, PERCENTILES.map((key) => [key, value(data, metric, key)]), limits[0])}
${bars('Phases of all requests, 95th percentile, milliseconds', phases)}
<ul>${verdicts.map(([ok, text]) => `<li${ok ? '' : ' class="no"'}>${ok ? 'ok' : 'FAILED'}: ${escaped(text)}</li>`).join('')}</ul>
</html>
`;
}
