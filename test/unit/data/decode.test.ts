import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { decode, type Picture } from '../../../trainer/data/decode';
import { png, temporaryFolder } from './helpers';
import { hugePng } from './huge-png';

async function decoded(content: Uint8Array, side = 64, name = 'image.png'): Promise<Picture> {
  const path = join(temporaryFolder(), name);
  await writeFile(path, content);
  return decode({ kind: 'file', path, bytes: content.length, modified: 0, changed: 0 }, side);
}

const pixel = ({ pixels, width }: Picture, x: number, y: number) =>
  Array.from(pixels.slice((y * width + x) * 3, (y * width + x) * 3 + 3));

const colour = { create: { width: 6, height: 4, channels: 3, background: '#2060c0' } } as const;

test.each(['png', 'webp', 'gif', 'jpeg', 'tiff'] as const)('%s', async (format) => {
  const options = format === 'webp' ? { lossless: true } : {};
  const picture = await decoded(await sharp(colour).toFormat(format, options).toBuffer());
  expect([picture.width, picture.height]).toEqual([6, 4]);
  for (const [c, value] of pixel(picture, 3, 2).entries()) {
    expect(Math.abs(value - [0x20, 0x60, 0xc0][c]!)).toBeLessThan(4);
  }
});

test('what the file is called does not matter when it is an image', async () => {
  expect((await decoded(await sharp(colour).png().toBuffer(), 64, 'image.jpg')).width).toBe(6);
});

test('16 bits become 8, grey becomes three channels', async () => {
  const values = Uint16Array.from([0, 0x4000, 0x8000, 0xffff]);
  const raw = { width: 4, height: 1, channels: 1 } as const;
  const grey16 = await sharp(values, { raw }).toColourspace('grey16').png().toBuffer();
  expect((await sharp(grey16).metadata()).depth).toBe('ushort');
  const picture = await decoded(grey16);
  expect(Array.from(picture.pixels)).toEqual([0, 0, 0, 64, 64, 64, 128, 128, 128, 255, 255, 255]);
  const rgb16 = await sharp(colour).toColourspace('rgb16').png().toBuffer();
  expect((await sharp(rgb16).metadata()).depth).toBe('ushort');
  expect(pixel(await decoded(rgb16), 0, 0)).toEqual([0x20, 0x60, 0xc0]);
});

test('transparent pixels show white', async () => {
  const background = { r: 255, g: 0, b: 0, alpha: 0.5 };
  const half = await sharp({ create: { width: 2, height: 2, channels: 4, background } })
    .png()
    .toBuffer();
  const [red, green, blue] = pixel(await decoded(half), 0, 0);
  expect(red).toBe(255);
  expect(Math.abs(green! - 127)).toBeLessThan(2);
  expect(blue).toBe(green);
});

test('grey with alpha', async () => {
  const raw = { width: 2, height: 1, channels: 2 } as const;
  const image = await sharp(Uint8Array.of(0, 255, 0, 0), { raw })
    .png()
    .toBuffer();
  expect(Array.from((await decoded(image)).pixels)).toEqual([0, 0, 0, 255, 255, 255]);
});

test('CMYK', async () => {
  const image = await sharp(colour).toColourspace('cmyk').jpeg().toBuffer();
  expect((await sharp(image).metadata()).space).toBe('cmyk');
  for (const [c, value] of pixel(await decoded(image), 3, 2).entries()) {
    expect(Math.abs(value - [0x20, 0x60, 0xc0][c]!)).toBeLessThan(40);
  }
});

test('EXIF orientation is applied', async () => {
  const turned = await sharp(colour).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const { width, height } = await decoded(turned);
  expect([width, height]).toEqual([4, 6]);
});

test('the first frame of an animation', async () => {
  const frames = [await png(4, 4, '#ff0000'), await png(4, 4, '#00ff00')];
  const gif = await sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer();
  expect((await sharp(gif).metadata()).pages).toBe(2);
  const picture = await decoded(gif);
  expect([picture.width, picture.height]).toEqual([4, 4]);
  expect(pixel(picture, 1, 1)).toEqual([255, 0, 0]);
});

test('photos shrink to a shorter side, keep their aspect ratio, and never grow', async () => {
  const size = async (width: number, height: number) => {
    const picture = await decoded(await png(width, height, '#fff'), 48);
    expect(picture.pixels).toHaveLength(picture.width * picture.height * 3);
    return [picture.width, picture.height];
  };
  expect(await size(400, 200)).toEqual([96, 48]);
  expect(await size(100, 300)).toEqual([48, 144]);
  expect(await size(30, 300)).toEqual([30, 300]);
});

test('bad files say what is wrong with them', async () => {
  const jpeg = await sharp({ create: { ...colour.create, width: 200, height: 200 } })
    .jpeg()
    .toBuffer();
  await expect(decoded(new Uint8Array())).rejects.toThrow('the file is empty');
  await expect(decoded(Buffer.from('just text'))).rejects.toThrow('not a JPEG, PNG, WebP, GIF or TIFF image');
  await expect(decoded(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'))).rejects.toThrow('not a JPEG');
  await expect(decoded(jpeg.subarray(0, jpeg.length / 2))).rejects.toThrow('damaged or truncated');
  await expect(decoded((await png(50, 50, '#123')).subarray(0, 60))).rejects.toThrow('damaged or truncated');
  await expect(decoded(Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(99)]))).rejects.toThrow(
    'damaged or truncated',
  );
  const gone = { kind: 'file', path: '/nowhere/a.png', bytes: 0, modified: 0, changed: 0 } as const;
  await expect(decode(gone, 8)).rejects.toThrow('no such file');
});

test('a picture of 30,000 x 30,000 px is refused by its header, whatever follows', async () => {
  const before = process.memoryUsage().rss;
  await expect(decoded(hugePng(30_000))).rejects.toThrow('30000 x 30000 px is over the limit of 100 megapixels');
  expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
});
