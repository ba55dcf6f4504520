// Plots as SVG, with where the figures come from beneath.

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function footer(about: Readonly<Record<string, string>>, y: number): string {
  const parts = Object.entries(about).map(([key, value]) => `${key} ${value}`);
  const lines: string[] = [];
  for (let index = 0; index < parts.length; index += 4) lines.push(parts.slice(index, index + 4).join(" · "));
  return lines
    .map(
      (line, index) =>
        `<text x="16" y="${y + index * 14}" font-size="10" fill="#666">${escaped(line)}</text>`,
    )
    .join("");
}

function frame(width: number, height: number, inner: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif"><rect width="100%" height="100%" fill="#fff"/>${inner}</svg>\n`;
}

const rounded = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));

/** Bars on a logarithmic scale, one group a heading. */
export function bars(
  title: string,
  groups: readonly { readonly heading: string; readonly rows: readonly (readonly [string, number])[] }[],
  about: Readonly<Record<string, string>>,
): string {
  const all = groups.flatMap(({ rows }) => rows.map(([, value]) => value));
  const [low, high] = [Math.log10(Math.min(...all)) - 0.3, Math.log10(Math.max(...all))];
  let y = 52;
  let inner = `<text x="16" y="26" font-size="16" font-weight="600">${escaped(title)}</text>`;
  for (const { heading, rows } of groups) {
    inner += `<text x="16" y="${y}" font-size="12" font-weight="600">${escaped(heading)}</text>`;
    y += 8;
    for (const [name, value] of rows) {
      const width = Math.max(2, ((Math.log10(value) - low) / (high - low || 1)) * 380);
      const fill = name.startsWith("Tessera") ? "#0b6" : "#89a";
      inner += `<text x="236" y="${y + 13}" font-size="11" text-anchor="end">${escaped(name)}</text>`;
      inner += `<rect x="244" y="${y + 3}" width="${width.toFixed(1)}" height="13" fill="${fill}"/>`;
      inner += `<text x="${(250 + width).toFixed(1)}" y="${y + 13}" font-size="11">${rounded(value)}</text>`;
      y += 20;
    }
    y += 22;
  }
  return frame(720, y + 44, inner + footer(about, y));
}

/** Lines over logarithmic axes. */
export function lines(
  title: string,
  axes: { readonly x: string; readonly y: string },
  series: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[],
  about: Readonly<Record<string, string>>,
): string {
  const points = series.flatMap((one) => one.points);
  const range = (values: readonly number[]): readonly [number, number] => [
    Math.log10(Math.min(...values)),
    Math.log10(Math.max(...values)),
  ];
  const [[x0, x1], [y0, y1]] = [range(points.map(([x]) => x)), range(points.map(([, y]) => y))];
  const px = (x: number): number => 70 + ((Math.log10(x) - x0) / (x1 - x0 || 1)) * 460;
  const py = (y: number): number => 330 - ((Math.log10(y) - y0) / (y1 - y0 || 1)) * 270;
  const colors = ["#0b6", "#07c", "#c60", "#a3c", "#c33"];
  let inner = `<text x="16" y="26" font-size="16" font-weight="600">${escaped(title)}</text>`;
  inner += `<text x="300" y="366" font-size="11" text-anchor="middle">${escaped(axes.x)}</text>`;
  inner += `<text x="16" y="48" font-size="11">${escaped(axes.y)}</text>`;
  inner += `<path d="M70 60V330H530" fill="none" stroke="#999"/>`;
  for (const x of new Set(points.map(([value]) => value)))
    inner += `<text x="${px(x)}" y="346" font-size="10" text-anchor="middle">${rounded(x)}</text>`;
  series.forEach(({ name, points: own }, index) => {
    const color = colors[index % colors.length] ?? "#000";
    const path = own.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(" ");
    inner += `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`;
    for (const [x, y] of own)
      inner += `<circle cx="${px(x).toFixed(1)}" cy="${py(y).toFixed(1)}" r="3" fill="${color}"/><text x="${(px(x) + 5).toFixed(1)}" y="${(py(y) - 5).toFixed(1)}" font-size="10" fill="${color}">${rounded(y)}</text>`;
    inner += `<text x="548" y="${80 + index * 18}" font-size="11" fill="${color}">${escaped(name)}</text>`;
  });
  return frame(720, 430, inner + footer(about, 390));
}
