import { rmSync } from "node:fs";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { createHub } from "@tessera/hub";
import { openSqliteStore } from "@tessera/store-sqlite";
const NOW = Date.parse("2026-02-01T00:00:00Z");
function audiences(): string[]{ const out: string[] = [];
 for(let i=0;i<30;i++) out.push(`homeAddress.country = "C${i}"`);
 for(let i=0;i<30;i++) out.push(`loyalty.points >= ${i*100} and loyalty.points < ${i*100+150}`);
 for(let i=0;i<40;i++) out.push(`homeAddress.city.startsWith("City ${i}")`);
 for(let i=0;i<50;i++) out.push(`homeAddress.country in ["C${i%30}","C${(i+3)%30}"] and not(loyalty.points > ${i*50})`);
 for(let i=0;i<27;i++) out.push(`CHAIN(xEvent, timestamp, [A: WHAT(eventType = "t${i%6}") WHEN(<= ${1+i} days before now) COUNT(${1+i%4})])`);
 for(let i=0;i<13;i++) out.push(`xEvent[eventType = "t${i%6}"].sum(commerce.order.priceTotal) > ${i*50}`);
 for(let i=0;i<10;i++) out.push(`CHAIN(xEvent, timestamp, [A: WHAT(eventType = "t${i%6}"), B: WHAT(eventType = "t${(i+1)%6}") WHEN(<= 7 days after A)])`);
 return out; }
for (const kind of process.argv.slice(2)) {
  for (const f of ["","-wal","-shm"]) rmSync("/tmp/zz.db"+f,{force:true});
  const store: HubStore = kind==="memory"?createMemoryStore():await openSqliteStore({path:"/tmp/zz.db"});
  let n=0; let now=NOW;
  const hub = await createHub({store, clock:()=>now, newId:()=>`id${n++}`});
  for (const [i,value] of audiences().entries()) { const r = await hub.createAudience({name:`a${i}`,expression:{type:"PQL",format:"pql/text",value},evaluation:"streaming"}); if(!r.ok) throw new Error(JSON.stringify(r.error)); }
  const P=3000;
  let t=performance.now();
  for(let i=0;i<P;i+=1000) await hub.ingestRecords("crm", Array.from({length:1000},(_, j)=>({identityMap:{CRMID:[{id:`c${i+j}`,primary:true}],Email:[{id:`c${i+j}@x.example`}]},homeAddress:{country:`C${(i+j)%30}`,city:`City ${(i+j)%40}`},loyalty:{points:(i+j)%3000},person:{name:{firstName:"Ada",lastName:"L"}}})));
  console.log(kind,"records/s", Math.round(P/((performance.now()-t)/1000)));
  let k=0;
  for (let round=0;round<8;round++){
   t=performance.now();
   for(let b=0;b<5;b++){ now+=1000; await hub.ingestEvents("web", Array.from({length:1000},(_, j)=>{k++; const c=(k*7919)%P; return {_id:`e${k}`,timestamp:new Date(now-1000+(j%1000)).toISOString(),eventType:`t${k%6}`,identityMap:{CRMID:[{id:`c${c}`}],SESSION:[{id:`s${c}`}]},commerce:{order:{priceTotal:k%100}},web:{webPageDetails:{name:"home",URL:"https://shop.example/x"}}};})); }
   console.log(kind,"round",round,"events/s", Math.round(5000/((performance.now()-t)/1000)));
  }
  await store.close();
}
