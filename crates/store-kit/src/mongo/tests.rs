use test_servers::{Mongo as Server, MongoMode};

use super::*;

async fn connect_fresh(server: &Server) -> Mongo {
    let (uri, database) = server.fresh_database();
    Mongo::connect(&uri, "test-db", Some(&database)).await.unwrap().with_limit(Duration::from_mins(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_a_write() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = connect_fresh(&server).await;
    for checks in 1..4 {
        assert!(db.answers().await);
        let readiness = db.collection::<Document>(READINESS);
        let found = readiness.find_one(doc! { "_id": "test-db" }).await.unwrap().unwrap();
        assert_eq!(found.get_i64("checks").unwrap(), checks);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linearizable_read_sees_what_was_written() {
    for mode in [MongoMode::ReplicaSet, MongoMode::Standalone] {
        let server = Server::shared_or_start(mode);
        let db = connect_fresh(&server).await;
        let numbers = db.collection::<Document>("numbers");
        db.run(numbers.insert_one(doc! { "_id": 1, "n": 7 })).await.unwrap();
        let found = db.find_one_linearizable(&numbers, doc! { "_id": 1 }).await.unwrap().unwrap();
        assert_eq!(found.get_i32("n").unwrap(), 7);
        assert_eq!(db.find_one_linearizable(&numbers, doc! { "_id": 2 }).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_is_left_out_of_an_insert_in_bulk() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = connect_fresh(&server).await;
    let numbers = db.collection::<Document>("numbers");
    db.ensure_indexes("numbers", [unique_index(doc! { "n": 1 })]).await.unwrap();
    let documents = |ids: &[i32]| ids.iter().map(|id| doc! { "_id": id, "n": id % 10 }).collect::<Vec<_>>();
    db.insert_missing(&numbers, documents(&[1, 3])).await.unwrap();
    // 11 has the unique key of 1.
    db.insert_missing(&numbers, documents(&[1, 2, 3, 11, 4])).await.unwrap();
    db.insert_missing(&numbers, vec![]).await.unwrap();
    let found: Vec<Document> =
        db.stream(numbers.find(doc! {}).sort(doc! { "_id": 1 })).try_collect().await.unwrap();
    assert_eq!(found, documents(&[1, 2, 3, 4]));
}
