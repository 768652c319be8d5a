import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { slug } from 'slug';

mkdirSync('dist', { recursive: true });
const titles = readFileSync('titles.txt', 'utf8').trim().split('\n');
for (const title of titles) writeFileSync(`dist/${slug(title)}.html`, `<h1>${title}</h1>\n`);
const links = titles.map((title) => `<li><a href="${slug(title)}.html">${title}</a>`).join('\n');
writeFileSync('dist/index.html', `<!doctype html><title>${process.env.NODE_ENV}</title>\n<ul>\n${links}\n</ul>\n`);
