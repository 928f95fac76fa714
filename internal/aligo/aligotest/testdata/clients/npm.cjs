// Calls everything that the vendor's npm client has, except friendTalkSend, which the vendor no longer documents. Its
// hosts are fixed, so its connections are led to the recording proxy, in the clear.
//
//   node npm.cjs <port of the proxy> <folder with node_modules/aligoapi>
const https = require('https')
const net = require('net')
const { PassThrough } = require('stream')

const [port, folder] = process.argv.slice(2)
https.globalAgent.createConnection = () => net.connect(Number(port), '127.0.0.1')
const aligoapi = require(folder + '/node_modules/aligoapi')

const sms = { key: 'standin0api0key0000000000000000', user_id: 'standin' }
const kakao = { apikey: 'standin0api0key0000000000000000', userid: 'standin' }
const senderkey = '5tand1n00000000000000000000000000000cafe'
const sender = '02-1234-5678'
const order = ['[마실상점] 주문이 접수되었습니다.', '', '홍길동님, 주문해 주셔서 감사합니다.', '', '■ 주문번호: A-17', '', '상품이 준비되는 대로 발송 소식을 알려 드리겠습니다.'].join('\r\n')
const parcel = ['[마실상점] 상품이 출발했습니다.', '', '홍길동님, 주문하신 상품을 오늘 보내 드렸습니다.', '', '■ 송장번호: 12', '', '아래 버튼에서 배송 상황을 보실 수 있습니다.'].join('\r\n')
const link = 'https://masil.example/parcels/12'
const button = JSON.stringify({ button: [{ name: '배송 조회', linkType: 'WL', linkTypeName: '웹링크', linkMo: link, linkPc: link }] })

// The client takes what a web framework hands to a route: a body, or a multipart request as a stream.
const body = (fields) => ({ headers: {}, body: fields })
const upload = (fields) => {
  const boundary = 'upload'
  const stream = new PassThrough()
  stream.headers = { 'content-type': 'multipart/form-data; boundary=' + boundary }
  for (const [name, value] of Object.entries(fields)) {
    stream.write(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
  }
  stream.write(`--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.gif"\r\nContent-Type: image/gif\r\n\r\nGIF89a\r\n`)
  stream.end(`--${boundary}--\r\n`)
  return stream
}

const calls = [
  ['remain', sms, body({})],
  ['send', sms, body({ sender, receiver: '01012345678,010-2345-6789', msg: '%고객명%님, 안녕하세요 😀', destination: '01012345678|홍길동,01023456789|김영희' })],
  ['send', sms, body({ sender, receiver: '01012345678', msg: '나중에', msg_type: 'LMS', title: '제목', rdate: '20261123', rtime: '1100' })],
  ['send', sms, upload({ sender, receiver: '01012345678', msg: '사진', msg_type: 'MMS' })],
  ['sendMass', sms, body({ sender, msg_type: 'SMS', cnt: 2, rec_1: '01012345678', msg_1: '하나', rec_2: '01012340004', msg_2: '둘' })],
  ['list', sms, body({ page: 1, page_size: 30, limit_day: 1 })],
  ['smsList', sms, body({ mid: '583009872', page: 1 })],
  ['cancel', sms, body({ mid: '583009870' })],
  ['token', kakao, body({ type: 's', time: 30 })],
  ['profileCategory', kakao, body({})],
  ['profileAuth', kakao, body({ plusid: '@새가게', phonenumber: '01099990000' })],
  ['profileAdd', kakao, body({ plusid: '@새가게', authnum: '123456', phonenumber: '01099990000', categorycode: '00800010001' })],
  ['friendList', kakao, body({ plusid: '@새가게' })],
  ['templateList', kakao, body({ senderkey, tpl_code: 'TX_2345' })],
  ['templateAdd', kakao, body({ senderkey, tpl_name: '새것', tpl_content: '#{이름}님', tpl_button: JSON.stringify({ button: [{ name: '보기', linkType: 'WL', linkM: link, linkP: link }] }) })],
  ['templateModify', kakao, body({ senderkey, tpl_code: 'UK_0001', tpl_name: '새것', tpl_content: '#{이름}님께' })],
  ['templateRequest', kakao, body({ senderkey, tpl_code: 'UK_0001' })],
  ['templateDel', kakao, body({ senderkey, tpl_code: 'UK_0001' })],
  ['alimtalkSend', kakao, body({ senderkey, token: 'legacy', tpl_code: 'TX_1234', sender, receiver_1: '01012345678', recvname_1: '홍길동', subject_1: '주문', message_1: order, receiver_2: '01012340001', subject_2: '주문', message_2: order, failover: 'Y', fsubject_1: '주문', fmessage_1: '주문', fsubject_2: '주문', fmessage_2: '주문' })],
  ['alimtalkSend', kakao, body({ senderkey, tpl_code: 'TX_2345', sender, receiver_1: '01012345678', subject_1: '배송', message_1: parcel, button_1: button, senddate: '20261123110000', failover: 'N' })],
  ['historyList', kakao, body({ page: 1, limit: 50, start_date: '20261123', enddate: '20261123' })],
  ['historyDetail', kakao, body({ mid: '1306113822', page: 1, limit: 50 })],
  ['kakaoRemain', kakao, body({})],
  ['kakaoCancel', kakao, body({ mid: '1306113823' })],
]

const run = async () => {
  for (const [name, auth, request] of calls) {
    const answer = await aligoapi[name](request, auth)
    const code = answer.result_code ?? answer.code
    if (!['0', '1'].includes(String(code))) throw new Error(name + ': ' + JSON.stringify(answer))
  }
}
run().catch((err) => { console.error(err); process.exit(1) })
